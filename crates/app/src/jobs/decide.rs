//! The older doors for approving and rejecting name the job; the decision is made about its request, by the same service.

use certctl_domain::approval::Approval;
use certctl_domain::ids::{ApprovalId, JobId};
use certctl_domain::permission::Permission;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

impl App {
    /// Approves the request a job waits for.
    ///
    /// # Errors
    /// Missing; `not_awaiting_approval`; those of [`App::approval_approve`].
    pub async fn job_approve(&self, caller: &Caller, id: &JobId) -> Result<Approval> {
        caller.require(Permission::ApprovalApprove)?;
        let request = self.job_request(id).await?;
        self.approval_approve(caller, &request, None).await
    }

    /// Rejects the request a job waits for.
    ///
    /// # Errors
    /// Missing; `not_awaiting_approval`; those of [`App::approval_reject`].
    pub async fn job_reject(&self, caller: &Caller, id: &JobId, reason: Option<&str>) -> Result<Approval> {
        caller.require(Permission::ApprovalReject)?;
        let request = self.job_request(id).await?;
        self.approval_reject(caller, &request, reason).await
    }

    async fn job_request(&self, id: &JobId) -> Result<ApprovalId> {
        let job = self.job_shown(id).await?;
        match certctl_store::approvals::of_job(self.db(), id).await? {
            Some(approval) => Ok(approval.id),
            None => {
                let status = super::status(job.state).as_str();
                let message = format!("job {id} does not wait for approval; it is {status}");
                Err(Error::conflict("not_awaiting_approval", message))
            }
        }
    }
}
