//! A second person refuses.

use certctl_db::Unit;
use certctl_domain::approval::{Approval, ApprovalKind, ApprovalState};
use certctl_domain::audit::Action;
use certctl_domain::ids::ApprovalId;
use certctl_domain::permission::Permission;
use certctl_domain::work::FailureClass;
use certctl_jobs::lease;

use super::{APPROVAL, decided, ended, event, lost};
use crate::caller::Caller;
use crate::edit::Committed;
use crate::error::Result;
use crate::issue::Failure;
use crate::world::App;

impl App {
    /// Rejects a request. An issuance is cancelled; an edit is simply closed.
    ///
    /// # Errors
    /// Missing; decided, expired, or not to be decided by this person; `job_moved` when the job no longer waits.
    pub async fn approval_reject(&self, caller: &Caller, id: &ApprovalId, note: Option<&str>) -> Result<Approval> {
        caller.require(Permission::ApprovalReject)?;
        let stored = self.approval_to_decide(caller, id, note).await?;
        let now = self.now();
        let approval = decided(stored, ApprovalState::Rejected, caller, note, now);
        let mut unit = Unit::new();
        certctl_store::approvals::decide(&mut unit, &approval);
        self.audit(&mut unit, caller, event(Action::ApprovalRejected, &approval));
        match approval.kind {
            ApprovalKind::CertIssuance => {
                let job = self.approval_job(&approval).await?;
                let error = match note {
                    Some(note) => format!("approval rejected: {note}"),
                    None => format!("approval rejected by {}", caller.actor.id),
                };
                let failure = Failure::new(FailureClass::Rejected, error);
                self.issuance_exhausted_into(&mut unit, &job, &failure).await?;
                lease::cancel(&mut unit, &job.fence(), &ended(&failure), now.unix_micros());
            }
            ApprovalKind::ProfileEdit => {}
        }
        match self.commit_edit(APPROVAL, unit).await? {
            Committed::Done => Ok(approval),
            Committed::Moved => Err(lost(&approval)),
        }
    }
}
