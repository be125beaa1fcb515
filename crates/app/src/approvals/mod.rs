//! Approvals: the one service that every door uses to ask a second person, whatever is to be approved.

mod approve;
mod expire;
mod read;
mod reject;
mod withdraw;

pub use certctl_store::approvals::Filter as ApprovalFilter;

use certctl_domain::approval::{Approval, ApprovalState, DecisionError};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{ApprovalId, JobId};
use certctl_jobs::{Job, State, lease};
use certctl_pki::Timestamp;

use crate::caller::Caller;
use crate::edit::Subject;
use crate::error::{Error, Result};
use crate::issue::Failure;
use crate::world::App;

pub(crate) const APPROVAL: Subject = Subject { what: "approval request", table: "approvals" };

/// Longest note, in characters.
pub const NOTE_MAX: usize = 1_000;

impl App {
    /// The request, judged: this caller may decide it now.
    async fn approval_to_decide(&self, caller: &Caller, id: &ApprovalId, note: Option<&str>) -> Result<Approval> {
        if note.is_some_and(|note| note.chars().count() > NOTE_MAX) {
            return Err(Error::invalid("note", format!("is longer than {NOTE_MAX} characters; shorten it")));
        }
        let approval = self.approval(id).await?;
        approval.may_decide(&caller.person, self.now()).map_err(|error| undecidable(&approval, error))?;
        Ok(approval)
    }

    /// The issuance that waits for the request.
    async fn approval_job(&self, approval: &Approval) -> Result<Job> {
        let id = approval.job_id.as_ref().ok_or_else(|| Error::internal("an approval of an issuance names its job"))?;
        let job = certctl_jobs::job(self.db(), id.as_str()).await?.ok_or_else(|| Error::missing("job", id))?;
        if job.state == State::AwaitingApproval {
            return Ok(job);
        }
        Err(Error::conflict("job_moved", format!("job {id} no longer waits for approval; it is {}", job.state)))
    }
}

/// The request as decided by a person.
fn decided(
    mut approval: Approval,
    state: ApprovalState,
    caller: &Caller,
    note: Option<&str>,
    now: Timestamp,
) -> Approval {
    approval.state = state;
    approval.decided_by = Some(caller.actor.id.clone());
    approval.decider_person = Some(caller.person.clone());
    approval.decided_at = Some(now);
    approval.decision_note = note.map(str::to_owned);
    approval.updated_at = now;
    approval
}

/// What the queue keeps of a failure.
fn ended(failure: &Failure) -> lease::Failure {
    lease::Failure { class: failure.class.as_str().to_owned(), error: failure.message.clone() }
}

/// The event of a decision, with all that it was about.
fn event(action: Action, approval: &Approval) -> Event {
    Event::new(action, &approval.id)
        .with("kind", approval.kind.as_str())
        .with("profile_id", approval.profile_id.as_str())
        .with("profile_revision", approval.profile_revision)
        .with_some("certificate_id", approval.certificate_id.as_ref().map(|id| id.as_str()))
        .with_some("job_id", approval.job_id.as_ref().map(JobId::as_str))
        .with("requested_by", approval.requested_by.as_str())
        .with_some("note", approval.decision_note.as_deref())
        .with("digest", approval.digest.as_str())
}

/// Somebody else decided between reading and writing.
fn lost(approval: &Approval) -> Error {
    let message = format!("request {} was decided by somebody else just now; read it again", approval.id);
    Error::conflict("already_decided", message)
}

fn undecidable(approval: &Approval, error: DecisionError) -> Error {
    match error {
        DecisionError::Decided(_) => Error::conflict("already_decided", error.to_string()),
        DecisionError::TooLate { .. } => Error::conflict("approval_expired", error.to_string()),
        DecisionError::NotAPerson => Error::Forbidden { code: "not_a_person", message: error.to_string() },
        DecisionError::SamePerson => Error::Forbidden {
            code: "two_person_integrity",
            message: format!("two-person integrity: {error} (request {})", approval.id),
        },
    }
}
