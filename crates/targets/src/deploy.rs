//! The deploy primitive: puts a set of files in place, reloads a service and proves by a handshake that it serves them.
//!
//! Order: material checks → lock → journal → stage → back up → rename → validate → reload → handshake → journal. The journal
//! ([`record`]) is written before the first effect, so that a process killed at any [`Step`] leaves enough behind for
//! [`recover`] to finish or to undo.
//!
//! **Invariant:** going back needs no disk space. During the swap the former file stays linked beside the new one under a
//! name with a leading dot; undoing is a rename, which restores bytes, mode, owner and attributes at once. The backups in the
//! state directory are for people, and for a link that somebody removed.

use std::{sync::Arc, time::Instant};

use certctl_connector::{
    Cx, Deployed, ErrorClass, Progress,
    target::{Change, Verification},
};

use crate::{command, site::Site, trouble::Trouble};

mod job;
mod lock;
pub(crate) mod look;
mod place;
pub(crate) mod plan;
mod record;
mod settle;
mod step;
mod swap;
mod undo;
pub(crate) mod verify;

pub use settle::{Recovered, Settled, recover};
pub use step::Step;

use job::{Job, Steps};
use plan::Plan;
use swap::Swap;

/// Carries out `plan`.
pub(crate) async fn run(site: &Arc<Site>, plan: Plan, cx: &Cx, progress: &dyn Progress) -> Result<Deployed, Trouble> {
    let steps = Steps { site, progress, deadline: Instant::now() + cx.budget };
    let (now, here) = (cx.now, site.clone());
    let plan = steps.blocking(Step::Check, move || plan.check(&here, now).map(|()| plan)).await?;
    let _locks = steps.during(Step::Lock, lock::all(site, &plan, steps.deadline)).await?;
    steps.during(Step::Settle, settle::earlier(site, &plan.target)).await?;

    let here = site.clone();
    let swap = steps.blocking(Step::Compare, move || Swap::compare(here, plan)).await?;
    let in_place = swap.is_in_place();
    let mut job = Job::new(steps, swap);
    if in_place { reuse(&mut job).await } else { replace(&mut job).await }
}

/// The files are right already. The service may still run on older ones: after a reload that failed, or a restore by hand.
async fn reuse(job: &mut Job<'_>) -> Result<Deployed, Trouble> {
    if let Some(verification) = already_served(job).await {
        job.steps.skip(Step::Reload, "files and served certificate are right already");
        return Ok(job.swap().deployed(Change::Unchanged, verification));
    }
    job.act(Step::Owe, Swap::owe_reload).await?;
    let verification = match reload(job, Step::Reload).await {
        Ok(()) => verified(job).await,
        Err(trouble) => Err(trouble),
    };
    let verification = verification.map_err(|trouble| trouble.because("the files were in place already and stay"))?;
    job.act(Step::Finish, Swap::reload_done).await?;
    Ok(job.swap().deployed(Change::Reloaded, verification))
}

/// Whether nothing at all is left to do: no reload owed, and the endpoint (if one is known) serves the right certificate.
async fn already_served(job: &Job<'_>) -> Option<Verification> {
    let swap = job.swap();
    if swap.record.reload_owed {
        return None;
    }
    match &swap.intent.verify {
        Some(verify) => verify.look(&swap.intent.fingerprint).await.ok().map(Verification::Verified),
        None => Some(verify::not_verified()),
    }
}

async fn replace(job: &mut Job<'_>) -> Result<Deployed, Trouble> {
    job.act(Step::Intent, Swap::write_intent).await?;
    match put_in_place(job).await {
        Ok(verification) => {
            // In place and proved: a journal that cannot be closed now is closed by the next deployment or start.
            if let Err(trouble) = job.act(Step::Finish, Swap::finish).await {
                tracing::warn!(cause = trouble.message, "deployed, but the journal of the deployment stays open");
            }
            Ok(job.swap().deployed(Change::Applied, verification))
        }
        Err(broken) => Err(go_back(job, broken).await),
    }
}

async fn put_in_place(job: &mut Job<'_>) -> Result<Verification, Broken> {
    swap_files(job).await.map_err(Broken::before_reload)?;
    validate(job).await.map_err(Broken::before_reload)?;
    reload(job, Step::Reload).await.map_err(Broken::after_reload)?;
    verified(job).await.map_err(Broken::after_reload)
}

async fn swap_files(job: &mut Job<'_>) -> Result<(), Trouble> {
    job.act(Step::Stage, Swap::stage).await?;
    job.act(Step::BackUp, Swap::back_up).await?;
    job.act(Step::Park, Swap::park).await?;
    job.act(Step::Rename, Swap::rename).await?;
    job.act(Step::SyncDirectory, Swap::sync_directories).await?;
    job.act(Step::Commit, Swap::commit).await
}

/// What stopped a deployment, and whether the service may have loaded the new files.
struct Broken {
    trouble: Trouble,
    service_was_told: bool,
}

impl Broken {
    fn before_reload(trouble: Trouble) -> Self {
        Self { trouble, service_was_told: false }
    }

    fn after_reload(trouble: Trouble) -> Self {
        Self { trouble, service_was_told: true }
    }
}

/// Brings the former files back and, if the service may have seen the new ones, reloads it on them.
async fn go_back(job: &mut Job<'_>, broken: Broken) -> Trouble {
    // Without this note in the journal the next start would decide by what it finds on disk; it ends at the same place.
    let _ = job.act(Step::RollBack, Swap::begin_undo).await;
    if let Err(second) = job.act(Step::Restore, Swap::undo).await {
        let backups = job.swap().backup_dir();
        let note =
            format!("and the former files are not back: {}; backups are in {}", second.message, backups.display());
        return Trouble::new(ErrorClass::RollbackFailed, broken.trouble.because(&note).message);
    }
    let reloaded = reload_former(job, broken.service_was_told).await;
    match reloaded {
        Ok(()) => broken.trouble.rolled_back(),
        Err(second) => Trouble::new(ErrorClass::RollbackFailed, broken.trouble.because(&second.message).message),
    }
}

/// The former files are back: reloads the service on them if it may have seen others, and closes the journal.
async fn reload_former(job: &mut Job<'_>, service_was_told: bool) -> Result<(), Trouble> {
    let reloaded = if service_was_told { reload(job, Step::ReloadBack).await } else { Ok(()) };
    let owed = reloaded.is_err();
    if let Err(trouble) = job.act(Step::CloseUndone, move |swap: &mut Swap| swap.close_undone(owed)).await {
        tracing::warn!(cause = trouble.message, "rolled back, but the journal of the deployment stays open");
    }
    if let Some(lost) = job.swap().lost() {
        return Err(lost);
    }
    match reloaded {
        Ok(()) => Ok(()),
        // There was nothing before, so the service cannot have worked with it: absent again is the former state.
        Err(_) if !job.swap().had_originals() => Ok(()),
        Err(trouble) => {
            let message = format!("the former files are back, but the service did not take them: {}", trouble.message);
            Err(Trouble::new(ErrorClass::RollbackFailed, message))
        }
    }
}

async fn verified(job: &Job<'_>) -> Result<Verification, Trouble> {
    let intent = &job.swap().intent;
    let Some(verify) = &intent.verify else {
        job.steps.skip(Step::Verify, "no endpoint to look at is configured");
        return Ok(verify::not_verified());
    };
    let proof = verify.prove(&intent.fingerprint, job.steps.deadline);
    job.steps.during(Step::Verify, proof).await.map(Verification::Verified)
}

async fn validate(job: &Job<'_>) -> Result<(), Trouble> {
    let Some(argv) = &job.swap().intent.commands.validate else {
        job.steps.skip(Step::Validate, "no validate_command is configured");
        return Ok(());
    };
    let failed = |said| Trouble::new(ErrorClass::TargetValidate, format!("the new files were refused: {said}"));
    let run = async {
        command::check(job.steps.site, argv)?;
        command::run(argv, command::PATIENCE).await.map_err(failed)
    };
    job.steps.during(Step::Validate, run).await
}

async fn reload(job: &Job<'_>, step: Step) -> Result<(), Trouble> {
    let Some(argv) = &job.swap().intent.commands.reload else {
        job.steps.skip(step, "no reload_command is configured");
        return Ok(());
    };
    let class = ErrorClass::TargetReload { rolled_back: false };
    let failed = |said| Trouble::new(class, format!("the reload failed: {said}"));
    let run = async {
        command::check(job.steps.site, argv)?;
        command::run(argv, command::PATIENCE).await.map_err(failed)
    };
    job.steps.during(step, run).await
}

#[cfg(test)]
mod tests;
