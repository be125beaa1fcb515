//! Waiting has an end: jobs for which no request arrived, and tests that no agent took up.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::work::{FailureClass, JobKind};
use certctl_jobs::lease::{self, Failure as JobFailure};
use certctl_jobs::{Job, State};
use futures::FutureExt as _;

use super::{BATCH, Report};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::{Exhausted, Failure};
use crate::payload::IssuePayload;
use crate::world::App;

const CSR: &str = "csr_timeout";
const TEST: &str = "test_timeout";

impl App {
    /// One pass over jobs that waited too long for a request.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be asked.
    pub async fn csr_timeout_pass(&self) -> Result<Report> {
        let before = (self.now() - self.settings().csr_timeout).unix_micros();
        let after = self.places().take(CSR);
        let waiting =
            certctl_jobs::stale(self.db(), State::AwaitingCsr, None, before, after.as_ref(), u64::from(BATCH)).await?;
        let message = format!(
            "no request arrived within {} s; start the agent, or send a CSR",
            self.settings().csr_timeout.as_secs()
        );
        let failure = Failure::new(FailureClass::Expired, message);
        self.walk(CSR, "ending job", &waiting, |job| self.csr_time_out(job, &failure).boxed()).await
    }

    /// One pass over tests of targets that their agents did not take up.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be asked.
    pub async fn test_timeout_pass(&self) -> Result<Report> {
        let before = (self.now() - self.settings().test_timeout).unix_micros();
        let kind = Some(JobKind::TestTarget.as_str());
        let after = self.places().take(TEST);
        let waiting =
            certctl_jobs::stale(self.db(), State::Pending, kind, before, after.as_ref(), u64::from(BATCH)).await?;
        self.walk(TEST, "ending job", &waiting, |job| self.test_time_out(job).boxed()).await
    }

    /// Ends one; false when its request came meanwhile.
    async fn csr_time_out(&self, job: &Job, failure: &Failure) -> Result<bool> {
        let mut unit = Unit::new();
        let ended = JobFailure { class: failure.class.as_str().to_owned(), error: failure.message.clone() };
        lease::expire(&mut unit, &job.fence(), &ended, self.now().unix_micros());
        self.issuance_exhausted_into(&mut unit, job, failure).await?;
        let event = Event::new(Action::JobExpired, &job.id).with("reason", "csr_timeout");
        self.audit(&mut unit, &Caller::system("timeout"), event);
        self.commit_or_moved(unit).await
    }

    /// Adds what follows when an issuance ended for good without success.
    pub(crate) async fn issuance_exhausted_into(&self, unit: &mut Unit, job: &Job, failure: &Failure) -> Result<()> {
        let id = crate::agents::certificate_of(job)?;
        let certificate = certctl_store::certificates::get(self.db(), &id)
            .await?
            .ok_or_else(|| Error::missing("certificate", &id))?;
        let holder = IssuePayload::read(job)?.holder()?;
        let identity = certctl_store::identities::get(self.db(), &id, &holder).await?;
        let policy = self.policy_for_issue(&certificate.renewal_policy_id).await?;
        let exhausted =
            Exhausted { certificate: &certificate, identity: identity.as_ref(), policy: &policy, job_id: &job.id };
        self.settle_exhausted(unit, &exhausted, failure, self.now());
        Ok(())
    }
}
