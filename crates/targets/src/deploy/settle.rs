//! Open intents: what a process that died left under way is finished or undone before anything else happens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use certctl_connector::{ConnectorError, ErrorClass};

use super::{
    Broken, Job, Step, Steps, go_back, lock,
    record::{Phase, Record},
    reload, reload_former,
    swap::Swap,
    validate, verified,
};
use crate::{site::Site, trouble::Trouble};

/// What became of one open intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The target.
    pub target: String,
    /// How it ended.
    pub outcome: Result<Settled, ConnectorError>,
}

/// How an open intent was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The new material is in place and proved.
    Finished,
    /// The former material is back.
    Undone,
}

/// Settles every open intent in the state directory. To be called at start, before work is taken.
///
/// Where a deployment had put all files in place it is carried on with: validate, reload, handshake. Everywhere else the former
/// files come back.
pub async fn recover(site: &Arc<Site>) -> Vec<Recovered> {
    let targets = match Record::targets(site) {
        Ok(targets) => targets,
        Err(trouble) => {
            let outcome = Err(trouble.told_by("deploy", "recover"));
            return vec![Recovered { target: String::new(), outcome }];
        }
    };
    let mut recovered = Vec::new();
    for target in targets {
        let outcome = match alone(site, &target).await {
            Ok(None) => continue,
            Ok(Some(settled)) => Ok(settled),
            Err(trouble) => Err(trouble.told_by("deploy", "recover")),
        };
        recovered.push(Recovered { target, outcome });
    }
    recovered
}

async fn alone(site: &Arc<Site>, target: &str) -> Result<Option<Settled>, Trouble> {
    let _lock = lock::target(site, target, Instant::now() + PATIENCE).await?;
    settle(site, target).await
}

/// Settles what an earlier deployment of `target` left open; the caller holds the lock.
pub(super) async fn earlier(site: &Arc<Site>, target: &str) -> Result<(), Trouble> {
    match settle(site, target).await {
        Ok(_) => Ok(()),
        // A failed attempt to finish was undone; what matters here is that the way is free.
        Err(trouble) if trouble.class != ErrorClass::RollbackFailed && !is_open(site, target)? => Ok(()),
        Err(trouble) => Err(trouble.because("it was left over from an earlier deployment")),
    }
}

fn is_open(site: &Site, target: &str) -> Result<bool, Trouble> {
    Ok(Record::load(site, target)?.intent.is_some())
}

async fn settle(site: &Arc<Site>, target: &str) -> Result<Option<Settled>, Trouble> {
    let record = Record::load(site, target)?;
    let Some(intent) = record.intent.clone() else { return Ok(None) };
    let phase = intent.phase;
    let swap = Swap::reopen(site.clone(), target.to_owned(), record, intent)?;
    let steps = Steps { site, progress: &(), deadline: Instant::now() + PATIENCE };
    let mut job = Job::new(steps, swap);
    match phase {
        Phase::Closing => {
            job.act(Step::CleanUp, Swap::clean_up).await?;
            Ok(Some(Settled::Finished))
        }
        Phase::Committed if job.swap().all_new()? => finish(&mut job).await.map(Some),
        Phase::Committed | Phase::Swapping | Phase::Undoing => undo(&mut job, phase).await.map(Some),
    }
}

/// All files are in place: carry on where the deployment stopped.
async fn finish(job: &mut Job<'_>) -> Result<Settled, Trouble> {
    match prove(job).await {
        Ok(()) => job.act(Step::Finish, Swap::finish).await.map(|()| Settled::Finished),
        Err(trouble) => Err(go_back(job, Broken::after_reload(trouble)).await),
    }
}

async fn prove(job: &Job<'_>) -> Result<(), Trouble> {
    validate(job).await?;
    reload(job, Step::Reload).await?;
    verified(job).await.map(drop)
}

async fn undo(job: &mut Job<'_>, phase: Phase) -> Result<Settled, Trouble> {
    // A service that was restarted in the middle may have loaded a mixture, or nothing.
    let service_was_told = phase != Phase::Swapping || job.swap().any_new()?;
    job.act(Step::Restore, Swap::undo).await?;
    reload_former(job, service_was_told).await.map(|()| Settled::Undone)
}

/// Longest one open intent may take.
const PATIENCE: Duration = Duration::from_secs(120);
