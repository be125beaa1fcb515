//! A target is tested: what the server can see is judged at once; the rest is looked at by the agent, as a job that changes
//! nothing.

use std::time::Duration;

use certctl_db::{DbError, Subscription, Unit};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{JobId, TargetId};
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;
use certctl_domain::target::Target;
use certctl_domain::work::JobKind;
use certctl_jobs::{Executor, Job, JobError, NewJob, State};

use super::{TARGET, place};
use crate::agents::Step;
use crate::caller::Caller;
use crate::edit;
use crate::error::{Error, Result};
use crate::payload::TestPayload;
use crate::world::App;

/// How a test stands, in words for a person.
#[derive(Debug, Clone)]
pub struct TargetTested {
    /// How it went.
    pub outcome: TestOutcome,
    /// What a person reads.
    pub message: String,
    /// The agent's job; absent where the agent was not asked.
    pub job_id: Option<JobId>,
    /// What the agent looked at.
    pub checks: Vec<Step>,
}

/// How a test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOutcome {
    /// Nothing is in the way.
    Success,
    /// Something is.
    Failed,
    /// The agent has not answered yet.
    Pending,
}

impl TestOutcome {
    /// The word of the wire and, once it is known, of the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Pending => "pending",
        }
    }
}

/// A wake may be lost; look at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl App {
    /// Tests a target and keeps the result with it. Who asks while a test is under way gets the result of that one.
    ///
    /// # Errors
    /// Missing.
    pub async fn target_test(&self, caller: &Caller, id: &TargetId) -> Result<TargetTested> {
        caller.require(Permission::TargetEdit)?;
        let target = self.target(id).await?;
        if let Some(cause) = self.target_obstacle(&target).await? {
            return self.target_test_refused(caller, &target, cause).await;
        }
        let wakes = self.db().notifier().subscribe();
        let job = self.target_test_enqueue(caller, &target).await?;
        self.target_tested_within(job, wakes).await
    }

    /// The server itself sees what is in the way.
    async fn target_test_refused(&self, caller: &Caller, target: &Target, cause: String) -> Result<TargetTested> {
        let outcome = TestOutcome::Failed;
        let mut unit = Unit::new();
        certctl_store::targets::record_test(&mut unit, target, outcome.as_str(), self.now());
        let event = Event::new(Action::TargetTested, &target.id)
            .with("status", outcome.as_str())
            .with("message", cause.as_str());
        self.audit(&mut unit, caller, event);
        self.commit_new(TARGET, unit).await?;
        Ok(TargetTested { outcome, message: cause, job_id: None, checks: Vec::new() })
    }

    /// The open job that tests this revision of the target, made if there is none.
    async fn target_test_enqueue(&self, caller: &Caller, target: &Target) -> Result<JobId> {
        for _ in 0..edit::LOOKS {
            match self.target_test_open(caller, target).await {
                // Another test of it was begun, and has ended, in between.
                Err(Error::Unavailable(DbError::Busy)) => {}
                answer => return answer,
            }
        }
        Err(DbError::Busy.into())
    }

    async fn target_test_open(&self, caller: &Caller, target: &Target) -> Result<JobId> {
        let key = format!("test:{}:{}", target.id, target.revision);
        if let Some(open) = certctl_jobs::open_with_key(self.db(), &key).await? {
            return read_id(&open.id);
        }
        let (id, now) = (JobId::new(self.ids().ulid()), self.now().unix_micros());
        let new = NewJob {
            id: id.to_string(),
            kind: JobKind::TestTarget.as_str(),
            executor: Executor::Agent,
            agent_id: Some(target.agent_id.to_string()),
            certificate_id: None,
            target_id: Some(target.id.to_string()),
            state: State::Pending,
            payload: TestPayload::of(target).to_text(),
            max_attempts: 1,
            retry_seconds: 0,
            priority: 0,
            not_before: now,
            idempotency_key: key.clone(),
            parent_job_id: None,
        };
        let mut unit = Unit::new();
        certctl_jobs::enqueue(&mut unit, new, now);
        certctl_store::agents::expect_active(&mut unit, &target.agent_id);
        let event = Event::new(Action::TargetTestRequested, &target.id).with("job_id", id.as_str());
        self.audit(&mut unit, caller, event);
        match self.db().commit(unit).await {
            Ok(()) => Ok(id),
            Err(error) => match certctl_jobs::unless_open(self.db(), &key, error).await {
                JobError::Duplicate { existing } => read_id(&existing),
                JobError::Db(error) => Err(error.into()),
            },
        }
    }

    /// Waits a while for the agent, so that a quick one is answered at once.
    async fn target_tested_within(&self, id: JobId, mut wakes: Subscription) -> Result<TargetTested> {
        let deadline = tokio::time::Instant::now() + self.settings().test_within;
        let topic = topic(id.as_str());
        loop {
            let job = certctl_jobs::job(self.db(), id.as_str()).await?;
            let job = job.ok_or_else(|| Error::missing(crate::jobs::JOB.what, &id))?;
            let late = tokio::time::Instant::now() >= deadline;
            if job.state.is_terminal() || late {
                return tested(id, &job);
            }
            let until = deadline.min(tokio::time::Instant::now() + LOOK_EVERY);
            tokio::select! {
                () = self.leaving() => return tested(id, &job),
                () = tokio::time::sleep_until(until) => {}
                () = crate::wake::heard(&mut wakes, &topic) => {}
            }
        }
    }

    async fn target_obstacle(&self, target: &Target) -> Result<Option<String>> {
        if target.retired_at.is_some() {
            return Ok(Some("the target was retired with its agent; create a new one".to_owned()));
        }
        let Some(agent) = certctl_store::agents::get(self.db(), &target.agent_id).await? else {
            return Ok(Some(format!("agent {} does not exist; assign another", target.agent_id)));
        };
        if agent.retired_at.is_some() {
            return Ok(Some(format!("agent {} is retired; create the target under another", agent.name)));
        }
        let mut refusals = Refusals::new();
        if let Some(schema) = self.target_schema(&target.kind, &mut refusals) {
            let config = self.config_open(place(target), &target.config, target.sealed_config.as_deref())?;
            let wrong: Vec<String> = schema.check(&config).iter().map(ToString::to_string).collect();
            if !wrong.is_empty() {
                return Ok(Some(format!("the configuration does not fit: {}", wrong.join("; "))));
            }
        }
        if let Err(refusals) = refusals.into_result() {
            return Ok(Some(refusals.summary()));
        }
        if !agent.is_online(self.now()) {
            let seen = agent.last_heartbeat_at.map_or_else(|| "never".to_owned(), certctl_pki::Timestamp::to_rfc3339);
            return Ok(Some(format!(
                "agent {} is offline, last heard of {seen}; start it or look at its log",
                agent.name
            )));
        }
        Ok(None)
    }
}

/// Topic of the wake at the end of a test.
pub(crate) fn topic(job: &str) -> String {
    format!("test:{job}")
}

fn tested(id: JobId, job: &Job) -> Result<TargetTested> {
    let found = TestPayload::read(job)?.found;
    let (outcome, otherwise) = match job.state {
        State::Succeeded => (TestOutcome::Success, "nothing is in the way of a deployment"),
        State::Failed | State::Expired => (TestOutcome::Failed, "the agent gave no reason"),
        State::Cancelled => (TestOutcome::Failed, "the target changed meanwhile; test it again"),
        State::Pending
        | State::AwaitingApproval
        | State::AwaitingCsr
        | State::Claimed
        | State::Running
        | State::AwaitingIssuer => {
            (TestOutcome::Pending, "the agent has not answered yet; the result will be with the target and its job")
        }
    };
    Ok(TargetTested {
        outcome,
        message: job.last_error.clone().unwrap_or_else(|| otherwise.to_owned()),
        job_id: Some(id),
        checks: found.map(|found| found.steps).unwrap_or_default(),
    })
}

fn read_id(id: &str) -> Result<JobId> {
    JobId::parse(id).map_err(|error| Error::bug("reading a job id", error))
}
