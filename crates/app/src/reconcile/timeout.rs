//! Waiting has an end: jobs without a CSR, and approvals nobody decided.

use certctl_domain::work::{FailureClass, JobKind};
use certctl_jobs::State;

use super::{BATCH, Report};
use crate::error::{Error, Result};
use crate::world::App;

impl App {
    /// One pass over jobs that waited too long for a CSR.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be asked.
    pub async fn csr_timeout_pass(&self) -> Result<Report> {
        let before = (self.now() - self.settings().csr_timeout).unix_micros();
        let waiting = certctl_jobs::waiting_since(self.db(), State::AwaitingCsr, before, BATCH).await?;
        let mut report = Report { seen: waiting.len(), moved: 0, more: waiting.len() == usize::from(BATCH) };
        let hours = self.settings().csr_timeout.as_secs() / 3600;
        for job in &waiting {
            debug_assert_ne!(job.kind, JobKind::Deployment.as_str());
            let message = format!("no request arrived within {hours} h; start the agent, or send a CSR");
            if self.issuance_exhausted(job, FailureClass::Expired, &message).await? {
                report.moved += 1;
            }
        }
        Ok(report)
    }
}
