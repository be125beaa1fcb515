//! Jobs as operators see them. Internal kinds are not shown: they do not exist here.

mod cancel;
mod decide;
mod read;

pub use crate::payload::TestFound;
pub use cancel::Cancelled;
pub use certctl_jobs::Job;
pub use certctl_store::runs::Run;
pub use read::{JobFilter, JobView};

use certctl_domain::work::{JobKind, JobStatus};
use certctl_jobs::State;

use crate::edit::Subject;

pub(crate) const JOB: Subject = Subject { what: "job", table: "jobs" };

/// The wire's word for the state of a job.
#[must_use]
pub fn status(state: State) -> JobStatus {
    match state {
        State::Pending => JobStatus::Pending,
        State::AwaitingApproval => JobStatus::AwaitingApproval,
        State::AwaitingCsr => JobStatus::AwaitingCsr,
        State::Claimed | State::Running | State::AwaitingIssuer => JobStatus::Running,
        State::Succeeded => JobStatus::Completed,
        State::Failed | State::Expired => JobStatus::Failed,
        State::Cancelled => JobStatus::Cancelled,
    }
}

/// What exactly goes on while a job runs.
#[must_use]
pub fn phase(state: State) -> Option<&'static str> {
    match state {
        State::Claimed | State::Running | State::AwaitingIssuer => Some(state.as_str()),
        State::Pending
        | State::AwaitingApproval
        | State::AwaitingCsr
        | State::Succeeded
        | State::Failed
        | State::Expired
        | State::Cancelled => None,
    }
}

/// The states that the wire shows under one word.
fn states(status: JobStatus) -> Vec<State> {
    State::ALL.into_iter().filter(|state| self::status(*state) == status).collect()
}

fn is_public(kind: &str) -> bool {
    JobKind::parse(kind).is_some()
}
