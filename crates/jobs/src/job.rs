//! A job as callers see it, and what proves that they may change it.

use certctl_db::DbError;

use crate::State;
use crate::entity::{attempt, job};

/// One job. Times are microseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What kind of work it is; the queue does not care.
    pub kind: String,
    /// Who may claim it.
    pub executor: Executor,
    /// The agent whose work it is, also while the server has taken it over.
    pub agent_id: Option<String>,
    /// The certificate it is about.
    pub certificate_id: Option<String>,
    /// The target it is about.
    pub target_id: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What the kind needs to know, JSON.
    pub payload: String,
    /// Leases taken so far, not counting polls of an issuer.
    pub attempt: i64,
    /// Leases after which a retryable failure is final.
    pub max_attempts: i64,
    /// Base of the back-off, seconds.
    pub retry_seconds: i64,
    /// Smaller is sooner.
    pub priority: i64,
    /// Not claimed earlier.
    pub not_before: i64,
    /// Who holds the lease.
    pub lease_owner: Option<String>,
    /// When the lease ends unless it is extended.
    pub lease_until: Option<i64>,
    /// Fencing number, one more with each lease.
    pub lease_epoch: i64,
    /// Unique among open jobs.
    pub idempotency_key: String,
    /// The job that made this one necessary.
    pub parent_job_id: Option<String>,
    /// Someone wants it to stop; workers look at safe points.
    pub cancel_requested: bool,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Class of that error.
    pub error_class: Option<String>,
    /// Since when it is in its state.
    pub state_changed_at: i64,
    /// When it was enqueued.
    pub created_at: i64,
    /// When the latest lease was taken.
    pub started_at: Option<i64>,
    /// When it ended for good.
    pub completed_at: Option<i64>,
}

/// Who may claim a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Executor {
    /// A worker of a server.
    Server,
    /// The job's agent.
    Agent,
}

/// The right to change a job that its holder has read: its id and the epoch it was read with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The job.
    pub job_id: String,
    /// Its epoch then.
    pub epoch: i64,
}

/// The right to work on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job_id: String,
    /// Its epoch.
    pub epoch: i64,
    /// Its attempt.
    pub attempt: i64,
    /// Who works.
    pub worker: String,
    /// Since when.
    pub started_at: i64,
}

/// A lease that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub attempt: i64,
    /// Its epoch.
    pub epoch: i64,
    /// Who worked.
    pub worker: String,
    /// When the lease was taken.
    pub started_at: i64,
    /// When it ended.
    pub finished_at: i64,
    /// How it ended: `succeeded`, `failed`, `retried`, `waiting`, `released`, `cancelled` or `lost`.
    pub outcome: String,
    /// Class of its error.
    pub error_class: Option<String>,
    /// Its error.
    pub error: Option<String>,
}

impl Job {
    /// The right to change it while nobody else does.
    pub fn fence(&self) -> Fence {
        Fence { job_id: self.id.clone(), epoch: self.lease_epoch }
    }

    /// The lease on it, if someone holds one.
    pub fn lease(&self) -> Option<Lease> {
        Some(Lease {
            job_id: self.id.clone(),
            epoch: self.lease_epoch,
            attempt: self.attempt,
            worker: self.lease_owner.clone()?,
            started_at: self.started_at?,
        })
    }

    /// Whether a failure now would be the last one.
    pub fn is_exhausted(&self) -> bool {
        self.attempt >= self.max_attempts
    }
}

impl Lease {
    /// The right to change the job, without what only its worker knows.
    pub fn fence(&self) -> Fence {
        Fence { job_id: self.job_id.clone(), epoch: self.epoch }
    }
}

impl Executor {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
        }
    }
}

impl TryFrom<job::Model> for Job {
    type Error = DbError;

    fn try_from(row: job::Model) -> Result<Self, DbError> {
        let executor = match row.executor.as_str() {
            "server" => Executor::Server,
            "agent" => Executor::Agent,
            other => return Err(DbError::unreadable(format!("jobs.executor of {}: {other}", row.id))),
        };
        let state =
            row.state.parse().map_err(|error| DbError::unreadable(format!("jobs.state of {}: {error}", row.id)))?;
        Ok(Self {
            id: row.id,
            kind: row.kind,
            executor,
            agent_id: row.agent_id,
            certificate_id: row.certificate_id,
            target_id: row.target_id,
            state,
            payload: row.payload,
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            retry_seconds: row.retry_seconds,
            priority: row.priority,
            not_before: row.not_before,
            lease_owner: row.lease_owner,
            lease_until: row.lease_until,
            lease_epoch: row.lease_epoch,
            idempotency_key: row.idempotency_key,
            parent_job_id: row.parent_job_id,
            cancel_requested: row.cancel_requested,
            last_error: row.last_error,
            error_class: row.error_class,
            state_changed_at: row.state_changed_at,
            created_at: row.created_at,
            started_at: row.started_at,
            completed_at: row.completed_at,
        })
    }
}

impl From<attempt::Model> for Attempt {
    fn from(row: attempt::Model) -> Self {
        Self {
            attempt: row.attempt,
            epoch: row.lease_epoch,
            worker: row.worker,
            started_at: row.started_at,
            finished_at: row.finished_at,
            outcome: row.outcome,
            error_class: row.error_class,
            error: row.error,
        }
    }
}
