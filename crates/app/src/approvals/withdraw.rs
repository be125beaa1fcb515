//! A request is closed because what it was about will not happen: nobody is asked to decide about nothing.

use certctl_db::Unit;
use certctl_domain::approval::ApprovalState;
use certctl_domain::audit::Action;
use certctl_jobs::{Job, State};

use super::{decided, event};
use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

impl App {
    /// Closes the request of a job that is called off. Whoever calls the job off withdraws the question; that takes no second
    /// person.
    pub(crate) async fn approval_withdraw(&self, unit: &mut Unit, caller: &Caller, job: &Job, why: &str) -> Result<()> {
        if job.state != State::AwaitingApproval {
            return Ok(());
        }
        let Some(approval) = certctl_store::approvals::of_job(self.db(), &crate::agents::job_id(job)?).await? else {
            return Ok(());
        };
        if approval.state == ApprovalState::Pending {
            let closed = decided(approval, ApprovalState::Rejected, caller, Some(why), self.now());
            certctl_store::approvals::decide(unit, &closed);
            self.audit(unit, caller, event(Action::ApprovalRejected, &closed));
        }
        Ok(())
    }
}
