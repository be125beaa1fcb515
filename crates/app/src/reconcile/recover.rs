//! Work whose worker fell silent: its lease is over. The job is due again, or goes on waiting, or has failed once too often.

use certctl_db::{Due, Unit};
use certctl_domain::work::{FailureClass, JobKind};
use certctl_jobs::{Job, Recovery};
use futures::FutureExt as _;

use super::{BATCH, Report, each};
use crate::caller::Caller;
use crate::error::Result;
use crate::issue::Failure;
use crate::world::App;

const LOOP: &str = "recover";
const RECOVERING: &str = "recovering job";

impl App {
    /// One pass over leases that ran out.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database cannot be asked.
    pub async fn recover_pass(&self) -> Result<Report> {
        let expired = certctl_jobs::leases_expired(
            self.db(),
            self.now().unix_micros(),
            self.places().take(LOOP).as_ref(),
            u64::from(BATCH),
        )
        .await?;
        self.walk(LOOP, RECOVERING, &expired, |job| self.recover(job).boxed()).await
    }

    /// Takes each of these jobs from its worker.
    pub(crate) async fn recover_all(&self, held: &[Due<Job>]) -> Result<Report> {
        each(RECOVERING, held, |job| self.recover(job).boxed()).await
    }

    /// Takes a job from a worker that works on it no more.
    async fn recover(&self, job: &Job) -> Result<bool> {
        let now = self.now().unix_micros();
        let mut unit = Unit::new();
        let Some(recovery) = certctl_jobs::recover(&mut unit, job, now) else { return Ok(false) };
        let worker = job.lease_owner.as_deref().unwrap_or("unknown");
        let message = format!("{worker} stopped answering while it worked on it");
        if recovery == Recovery::Failed {
            match JobKind::parse(&job.kind) {
                Some(JobKind::Deployment) => self.deployment_exhausted_into(&mut unit, job, &message).await?,
                Some(JobKind::TestTarget) => {
                    self.test_ended_into(&mut unit, &Caller::system("recover"), job, Some(&message)).await?;
                }
                Some(JobKind::Issuance | JobKind::Renewal) | None => {
                    let failure = Failure::new(FailureClass::Transient, message.clone());
                    self.issuance_exhausted_into(&mut unit, job, &failure).await?;
                }
            }
        }
        let moved = self.commit_or_moved(unit).await?;
        if moved {
            tracing::warn!(job.id = %job.id, "job {}: {message}", job.id);
        }
        Ok(moved)
    }
}
