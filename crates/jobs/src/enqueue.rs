//! Putting jobs into the queue, as part of the unit of work that makes them necessary.

use certctl_db::{Db, DbError, Unit};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::entity::job;
use crate::{Executor, Job, JobError, Lease, State};

/// A job to be enqueued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its id, new.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Who may claim it.
    pub executor: Executor,
    /// The agent, where there is one.
    pub agent_id: Option<String>,
    /// The certificate it is about.
    pub certificate_id: Option<String>,
    /// The target it is about.
    pub target_id: Option<String>,
    /// [`State::Pending`], or what it waits for first.
    pub state: State,
    /// What the kind needs to know, JSON.
    pub payload: String,
    /// Leases after which a retryable failure is final; at least 1.
    pub max_attempts: i64,
    /// Base of the back-off, seconds.
    pub retry_seconds: i64,
    /// Smaller is sooner; 0 is ordinary.
    pub priority: i64,
    /// Not claimed earlier, microseconds since 1970.
    pub not_before: i64,
    /// Unique among open jobs: names the work, not the try.
    pub idempotency_key: String,
    /// The job that made this one necessary.
    pub parent_job_id: Option<String>,
}

/// Adds the job to the unit. Where an open job has the same key, the commit fails; [`unless_open`] tells which.
pub fn enqueue(unit: &mut Unit, new: NewJob, now: i64) {
    let topic = topic(new.executor, new.agent_id.as_deref());
    unit.insert(&row(new, now)).wake(topic);
}

/// Adds a job that is claimed already by the worker that enqueues it: work that a request does itself, and that the queue takes over
/// when the lease runs out.
#[must_use = "the lease is what lets the work be finished"]
pub fn enqueue_claimed(unit: &mut Unit, new: NewJob, worker: &str, lease_until: i64, now: i64) -> Lease {
    let mut row = row(new, now);
    row.state = State::Running.as_str().to_owned();
    row.attempt = 1;
    row.lease_epoch = 1;
    row.lease_owner = Some(worker.to_owned());
    row.lease_until = Some(lease_until);
    row.started_at = Some(now);
    unit.insert(&row);
    Lease { job_id: row.id, epoch: 1, attempt: 1, worker: worker.to_owned(), started_at: now }
}

/// The open job with this idempotency key.
///
/// # Errors
/// Those of the connection.
pub async fn open_with_key(db: &Db, key: &str) -> Result<Option<Job>, DbError> {
    let found = job::Entity::find()
        .filter(job::Column::IdempotencyKey.eq(key))
        .filter(job::Column::CompletedAt.is_null())
        .one(db.read())
        .await?;
    found.map(Job::try_from).transpose()
}

/// Turns the failure of a commit that enqueued a job with `key` into [`JobError::Duplicate`] where that is its cause.
pub async fn unless_open(db: &Db, key: &str, error: DbError) -> JobError {
    if !error.is_unique("jobs", &["idempotency_key"]) {
        return JobError::Db(error);
    }
    match open_with_key(db, key).await {
        Ok(Some(job)) => JobError::Duplicate { existing: job.id },
        // It has ended between the two looks: the caller's next try will go through.
        Ok(None) => JobError::Db(DbError::Busy),
        Err(error) => JobError::Db(error),
    }
}

/// Topic of the wake-up for work that this executor may claim.
pub(crate) fn topic(executor: Executor, agent_id: Option<&str>) -> String {
    match (executor, agent_id) {
        (Executor::Agent, Some(agent)) => format!("jobs:{agent}"),
        (Executor::Agent, None) => "jobs:agent".to_owned(),
        (Executor::Server, _) => "jobs:server".to_owned(),
    }
}

fn row(new: NewJob, now: i64) -> job::Model {
    job::Model {
        id: new.id,
        kind: new.kind.to_owned(),
        executor: new.executor.as_str().to_owned(),
        agent_id: new.agent_id,
        certificate_id: new.certificate_id,
        target_id: new.target_id,
        state: new.state.as_str().to_owned(),
        payload: new.payload,
        attempt: 0,
        max_attempts: new.max_attempts.max(1),
        retry_seconds: new.retry_seconds,
        priority: new.priority,
        not_before: new.not_before,
        lease_owner: None,
        lease_until: None,
        lease_epoch: 0,
        idempotency_key: new.idempotency_key,
        parent_job_id: new.parent_job_id,
        cancel_requested: false,
        last_error: None,
        error_class: None,
        state_changed_at: now,
        created_at: now,
        started_at: None,
        completed_at: None,
    }
}
