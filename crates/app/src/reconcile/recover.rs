//! Work whose worker fell silent: its lease is over. A job that holds its CSR goes back to the server's runner, one that
//! waits for a CSR back to its agent, a deployment back to its agent.

use certctl_db::Unit;
use certctl_domain::work::{FailureClass, JobKind};
use certctl_jobs::{Executor, Job, State};

use super::{BATCH, Report};
use crate::error::{Error, Result};
use crate::payload::IssuePayload;
use crate::world::App;

impl App {
    /// One pass over expired leases.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be asked.
    pub async fn recover_pass(&self) -> Result<Report> {
        let now = self.now().unix_micros();
        let expired = certctl_jobs::expired_leases(self.db(), now, BATCH).await?;
        let mut report = Report { seen: expired.len(), moved: 0, more: expired.len() == usize::from(BATCH) };
        for job in &expired {
            if self.recover(job).await? {
                report.moved += 1;
            }
        }
        Ok(report)
    }

    async fn recover(&self, job: &Job) -> Result<bool> {
        let now = self.now();
        let message = format!("worker {} fell silent", job.lease_owner.as_deref().unwrap_or("unknown"));
        tracing::warn!(job.id = %job.id, "lease of job {} is over: {message}", job.id);
        let mut unit = Unit::new();
        let (state, executor) = if job.kind == JobKind::Deployment.as_str() {
            (State::Pending, Executor::Agent)
        } else if IssuePayload::read(job)?.csr.is_some() {
            (State::Pending, Executor::Server)
        } else {
            (State::AwaitingCsr, job.executor)
        };
        if job.attempt >= job.max_attempts && state == State::Pending {
            return self.recover_exhausted(job, &message).await;
        }
        certctl_jobs::recover(&mut unit, job, state, executor, &message, now.unix_micros());
        match (executor, &job.agent_id) {
            (Executor::Agent, Some(agent)) => unit.wake(&crate::agents::topic_of(agent)),
            (Executor::Agent, None) | (Executor::Server, _) => unit.wake(crate::runner::TOPIC),
        }
        self.commit_or_moved(unit).await
    }

    async fn recover_exhausted(&self, job: &Job, message: &str) -> Result<bool> {
        if job.kind == JobKind::Deployment.as_str() {
            return self.deployment_exhausted(job, FailureClass::Transient, message).await;
        }
        self.issuance_exhausted(job, FailureClass::Transient, message).await
    }
}
