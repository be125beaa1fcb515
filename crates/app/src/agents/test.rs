//! A target is looked at by its agent. The end of the job, what the target shows of it and the audit event are one unit.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{AgentId, TargetId};
use certctl_domain::work::FailureClass;
use certctl_jobs::lease::{self, Failure as JobFailure};
use certctl_jobs::{Job, Lease};

use super::csr::lease_held;
use super::report::Report;
use super::work::{Task, WorkItem};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::Failure;
use crate::payload::{TestFound, TestPayload};
use crate::targets::{TestOutcome, test_topic};
use crate::world::App;

impl App {
    /// Everything needed for a test; nothing when the target is not the one any more that was to be tested.
    pub(super) async fn work_test(&self, agent: &AgentId, job: Job) -> Result<Option<WorkItem>> {
        let tested = TestPayload::read(&job)?;
        let target = certctl_store::targets::get(self.db(), &target_of(&job)?).await?;
        let target = target.filter(|target| {
            target.agent_id == *agent && target.revision == tested.revision && target.retired_at.is_none()
        });
        match target {
            Some(target) if !job.cancel_requested => {
                let config = self.target_config(&target)?;
                Ok(Some(WorkItem { job, task: Task::Test { target: Box::new(target), config } }))
            }
            Some(_) | None => self.work_pointless(&job).await,
        }
    }

    /// The agent has looked; a failure says what is in the way.
    pub(super) async fn test_reported(
        &self,
        caller: &Caller,
        job: &Job,
        report: &Report,
        failure: Option<&Failure>,
    ) -> Result<()> {
        let found = TestFound {
            steps: report.steps.clone(),
            served_fingerprint: report.served_fingerprint.clone(),
            duration_ms: report.duration_ms,
        };
        lease_held(caller, job, report.lease_epoch)?;
        let held = job.lease().ok_or_else(lease_lost)?;
        let mut unit = Unit::new();
        let payload = TestPayload { found: Some(found), ..TestPayload::read(job)? };
        lease::note(&mut unit, &held, &payload.to_text());
        self.test_settle(&mut unit, caller, job, &held, failure).await?;
        self.commit(unit).await
    }

    /// A test that cannot be handed out.
    pub(super) async fn test_unbuilt(&self, job: &Job, held: &Lease, failure: &Failure) -> Result<()> {
        let mut unit = Unit::new();
        self.test_settle(&mut unit, &Caller::system("work"), job, held, Some(failure)).await?;
        self.commit_or_moved(unit).await.map(|_| ())
    }

    async fn test_settle(
        &self,
        unit: &mut Unit,
        caller: &Caller,
        job: &Job,
        held: &Lease,
        failure: Option<&Failure>,
    ) -> Result<()> {
        let now = self.now().unix_micros();
        match failure {
            None => lease::succeed(unit, held, now),
            Some(failure) => {
                let ended = JobFailure { class: failure.class.as_str().to_owned(), error: failure.message.clone() };
                lease::fail(unit, held, &ended, now);
            }
        }
        self.test_ended_into(unit, caller, job, failure.map(|failure| failure.message.as_str())).await
    }

    /// Adds what follows the end of a test, with what was in the way. A target that has changed meanwhile keeps what it shows.
    pub(crate) async fn test_ended_into(
        &self,
        unit: &mut Unit,
        caller: &Caller,
        job: &Job,
        message: Option<&str>,
    ) -> Result<()> {
        let id = target_of(job)?;
        let outcome = if message.is_none() { TestOutcome::Success } else { TestOutcome::Failed };
        let revision = TestPayload::read(job)?.revision;
        let target = certctl_store::targets::get(self.db(), &id).await?;
        if let Some(target) = target.filter(|target| target.revision == revision) {
            certctl_store::targets::record_test(unit, &target, outcome.as_str(), self.now());
        }
        let event = Event::new(Action::TargetTested, &id)
            .with("job_id", job.id.as_str())
            .with("status", outcome.as_str())
            .with_some("message", message);
        self.audit(unit, caller, event);
        unit.wake(test_topic(&job.id));
        Ok(())
    }

    /// Ends a test that the agent did not take up; false when it has done so meanwhile.
    pub(crate) async fn test_time_out(&self, job: &Job) -> Result<bool> {
        let message = format!(
            "agent {} did not take the test up within {} s; look at its log",
            job.agent_id.as_deref().unwrap_or("unknown"),
            self.settings().test_timeout.as_secs()
        );
        let mut unit = Unit::new();
        let ended = JobFailure { class: FailureClass::Expired.as_str().to_owned(), error: message.clone() };
        lease::expire(&mut unit, &job.fence(), &ended, self.now().unix_micros());
        self.test_ended_into(&mut unit, &Caller::system("timeout"), job, Some(&message)).await?;
        self.commit_or_moved(unit).await
    }
}

fn target_of(job: &Job) -> Result<TargetId> {
    let id = job.target_id.as_deref().ok_or_else(|| Error::internal("a test names no target"))?;
    TargetId::parse(id).map_err(|error| Error::bug("reading a target id", error))
}

fn lease_lost() -> Error {
    Error::conflict("lease_lost", "the lease is lost; ask for work again")
}
