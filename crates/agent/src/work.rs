//! Asks for work and hands it out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use certctl_client::{Class, Error};
use certctl_wire::{JobStatus, JobType, WorkItem};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    clock::Backoff,
    deployment,
    journal::{Event, Work},
    request,
    runtime::Runtime,
    step::Step,
    test,
};

/// Asks until the agent stops. Only as much is asked for as there are hands free.
///
/// At the start, and after an answer that may have been lost, an agent that works on nothing says so: what the server
/// believes it to hold comes back at once, and not when its leases are over.
pub(crate) async fn poll(runtime: &Arc<Runtime>) {
    let mut backoff = Backoff::new(Duration::from_secs(1), runtime.poll_interval);
    let mut how = Question::Resume;
    loop {
        // Held only to wait for a free hand: each job takes its own slot.
        let free = tokio::select! {
            permit = runtime.slots.acquire() => permit.is_ok(),
            () = runtime.stop.cancelled() => return,
        };
        if !free {
            return;
        }
        let asked = Instant::now();
        let resumes = how == Question::Resume && runtime.is_idle();
        let answer = tokio::select! {
            answer = ask(runtime, resumes) => answer,
            () = runtime.stop.cancelled() => return,
        };
        let (next, pause) = match answer {
            Ok(work) => {
                backoff.reset();
                let empty = work.jobs.is_empty();
                work.jobs.into_iter().for_each(|item| begin(runtime, item));
                // A server that does not wait is not asked in a tight loop.
                let hasty = !resumes && empty && asked.elapsed() < BREATH;
                // What an answer held that was lost while other work was under way is asked for when that is done.
                let next = if resumes { Question::More } else { how };
                (next, if hasty { BREATH } else { Duration::ZERO })
            }
            // A server that does not know this question; the work comes back by itself.
            Err(error) if resumes && error.class() == Class::Invalid => (Question::More, Duration::ZERO),
            Err(error) => {
                let pause = error_pause(&error, &mut backoff);
                tracing::warn!(%error, "the question for work failed; asking again in {} ms", pause.as_millis());
                (Question::Resume, pause)
            }
        };
        how = next;
        if !pause.is_zero() && !runtime.sleep(pause).await {
            return;
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// New work.
    More,
    /// Also what was given out before and is not under way.
    Resume,
}

async fn ask(runtime: &Runtime, resumes: bool) -> Result<certctl_wire::Work, Error> {
    if resumes { runtime.link.work_resume().await } else { runtime.link.work(LONG_POLL).await }
}

fn error_pause(error: &Error, backoff: &mut Backoff) -> Duration {
    let asked = match error {
        Error::Refused { retry_after, .. } => *retry_after,
        Error::Option { .. } | Error::Unreachable { .. } | Error::Unreadable { .. } | Error::TooLarge { .. } => None,
    };
    backoff.next().max(asked.unwrap_or_default())
}

/// Starts one job, unless it is under way already: an answer that was lost and given again names the same work.
fn begin(runtime: &Arc<Runtime>, item: WorkItem) {
    let work = Work { job: item.id.clone(), epoch: item.lease_epoch };
    if !runtime.take_up(&work) {
        tracing::debug!(job.id = work.job, "already under way");
        return;
    }
    let received = Event::Received {
        kind: item.r#type.to_string(),
        certificate: item.certificate_id.clone(),
        target: item.target_id.clone(),
    };
    runtime.journal.note(&work, received);
    Step::JobReceived.passed();
    // Taken here and not by the job, so that the next question sees how many hands are left.
    let slot = runtime.slots.clone().try_acquire_owned().ok();
    let runtime = runtime.clone();
    runtime.clone().jobs.spawn(async move {
        Box::pin(carry_out(&runtime, slot, work.clone(), item)).await;
        runtime.put_down(&work);
    });
}

async fn carry_out(runtime: &Arc<Runtime>, slot: Option<OwnedSemaphorePermit>, work: Work, item: WorkItem) {
    let _slot = match slot {
        Some(slot) => Some(slot),
        None => runtime.slots.clone().acquire_owned().await.ok(),
    };
    // Work that was taken but not begun when the agent stops is left to its lease.
    if runtime.stop.is_cancelled() {
        return;
    }
    match (item.r#type, item.status) {
        (JobType::Deployment, _) => deployment::carry_out(runtime, work, item).await,
        (JobType::TestTarget, _) => test::carry_out(runtime, work, item).await,
        (JobType::Issuance | JobType::Renewal, JobStatus::AwaitingCsr) => request::carry_out(runtime, work, item).await,
        (JobType::Issuance | JobType::Renewal | JobType::Validation, _) => {
            tracing::warn!(job.id = work.job, kind = %item.r#type, status = %item.status, "this agent does no such work");
        }
    }
}

/// How long the server may hold the question.
const LONG_POLL: Duration = Duration::from_secs(25);
const BREATH: Duration = Duration::from_secs(1);
