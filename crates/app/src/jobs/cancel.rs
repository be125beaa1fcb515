//! A job is called off.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::JobId;
use certctl_domain::permission::Permission;
use certctl_domain::work::FailureClass;
use certctl_jobs::Job;
use certctl_jobs::lease::{self, Failure};

use super::JOB;
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::{Error, Result};
use crate::world::App;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It has ended.
    Now,
    /// Somebody works on it and stops at the next safe point.
    Requested,
}

impl App {
    /// Cancels a job that nobody works on, or asks who works on it to stop. A request for approval that it waited for is
    /// closed with it.
    ///
    /// # Errors
    /// Missing; `job_ended` when there is nothing left to cancel.
    pub async fn job_cancel(&self, caller: &Caller, id: &JobId) -> Result<Cancelled> {
        caller.require(Permission::JobCancel)?;
        for _ in 0..edit::LOOKS {
            let job = self.job_shown(id).await?;
            if job.completed_at.is_some() {
                let status = super::status(job.state).as_str();
                return Err(Error::conflict("job_ended", format!("job {id} has ended already: {status}")));
            }
            if job.cancel_requested && job.lease_until.is_some() {
                return Ok(Cancelled::Requested);
            }
            let mut unit = Unit::new();
            let outcome = self.cancel_declare(&mut unit, caller, &job, id).await?;
            if self.commit_edit(JOB, unit).await? == Committed::Done {
                return Ok(outcome);
            }
        }
        Err(edit::busy(JOB.what))
    }

    /// Calls off a job that somebody wanted to stop while it was worked on, now that it rests.
    pub(crate) async fn cancel_asked(&self, id: &JobId) -> Result<()> {
        for _ in 0..edit::LOOKS {
            let Some(job) = certctl_jobs::job(self.db(), id.as_str()).await? else { return Ok(()) };
            if !job.cancel_requested || job.completed_at.is_some() || job.lease_until.is_some() {
                return Ok(());
            }
            let mut unit = Unit::new();
            self.cancel_at_rest(&mut unit, &Caller::system("scheduler"), &job, "cancelled while it was worked on")
                .await?;
            if self.commit_edit(JOB, unit).await? == Committed::Done {
                return Ok(());
            }
        }
        Err(edit::busy(JOB.what))
    }

    async fn cancel_declare(&self, unit: &mut Unit, caller: &Caller, job: &Job, id: &JobId) -> Result<Cancelled> {
        let event = Event::new(Action::JobCancelled, id)
            .with("type", job.kind.as_str())
            .with_some("certificate_id", job.certificate_id.as_deref())
            .with("state", job.state.as_str());
        self.audit(unit, caller, event);
        if job.lease_until.is_some() {
            lease::request_cancel(unit, &job.fence());
            return Ok(Cancelled::Requested);
        }
        self.cancel_at_rest(unit, caller, job, &format!("cancelled by {}", caller.actor.id)).await?;
        Ok(Cancelled::Now)
    }

    async fn cancel_at_rest(&self, unit: &mut Unit, caller: &Caller, job: &Job, error: &str) -> Result<()> {
        let failure = Failure { class: FailureClass::Rejected.as_str().to_owned(), error: error.to_owned() };
        lease::cancel(unit, &job.fence(), &failure, self.now().unix_micros());
        self.approval_withdraw(unit, caller, job, "the job was cancelled").await?;
        let id = JobId::parse(&job.id).map_err(|error| Error::bug("reading a job id", error))?;
        let reserved = certctl_store::versions::reserved_of_job(self.db(), &id).await?;
        // An order that lies outside is seen to its end by the reconciler: what comes of it must be on record.
        if let Some(version) = reserved.filter(|version| version.order_ref.is_none()) {
            self.void_into(unit, &version, "the job was cancelled");
        }
        Ok(())
    }
}
