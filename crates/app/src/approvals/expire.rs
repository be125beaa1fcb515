//! Nobody decided in time.

use certctl_db::Unit;
use certctl_domain::approval::{Approval, ApprovalState};
use certctl_domain::audit::Action;
use certctl_domain::work::FailureClass;
use certctl_jobs::{State, lease};
use futures::FutureExt as _;

use super::{ended, event};
use crate::caller::Caller;
use crate::error::Result;
use crate::issue::Failure;
use crate::reconcile::{BATCH, Report};
use crate::world::App;

const LOOP: &str = "approval_expiry";

impl App {
    /// One pass over requests whose time is over: each is closed, and the issuance that waited for it ends for good.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database cannot be asked.
    pub async fn approval_expiry_pass(&self) -> Result<Report> {
        let over =
            certctl_store::approvals::expired(self.db(), self.now(), self.places().take(LOOP).as_ref(), BATCH).await?;
        self.walk(LOOP, "closing request", &over, |approval| self.approval_expire(approval.clone()).boxed()).await
    }

    /// Closes one; false when somebody decided meanwhile.
    async fn approval_expire(&self, stored: Approval) -> Result<bool> {
        let now = self.now();
        let caller = Caller::system("approvals");
        let mut approval = stored;
        approval.state = ApprovalState::Expired;
        approval.decided_by = Some(caller.actor.id.clone());
        approval.decided_at = Some(now);
        approval.updated_at = now;
        let mut unit = Unit::new();
        certctl_store::approvals::decide(&mut unit, &approval);
        self.audit(&mut unit, &caller, event(Action::ApprovalExpired, &approval));
        let job = match &approval.job_id {
            Some(id) => certctl_jobs::job(self.db(), id.as_str()).await?,
            None => None,
        };
        if let Some(job) = job.filter(|job| job.state == State::AwaitingApproval) {
            let error = format!("nobody decided request {} in time; renew the certificate to ask again", approval.id);
            let failure = Failure::new(FailureClass::Expired, error);
            self.issuance_exhausted_into(&mut unit, &job, &failure).await?;
            lease::expire(&mut unit, &job.fence(), &ended(&failure), now.unix_micros());
        }
        self.commit_or_moved(unit).await
    }
}
