//! What may be done to a job: each function adds guarded writes to a unit of work, which fails with [`DbError::Moved`] when the job is in
//! another state or has another epoch than its caller believes.
//!
//! Functions that take a [`Lease`] are for its holder, those that take a [`Fence`] for people and reconcilers that have read the job
//! while nobody worked on it.
//!
//! [`DbError::Moved`]: certctl_db::DbError::Moved

use certctl_db::{Change, Db, DbError, Unit};

use crate::enqueue::topic;
use crate::entity::attempt;
use crate::entity::job::{self, Column};
use crate::state::from;
use crate::{Executor, Fence, Job, Lease, State};

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its class, one of the caller's words.
    pub class: String,
    /// What a person reads.
    pub error: String,
}

/// What a leased job waits for once its lease is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// People.
    Approval,
    /// A certificate signing request.
    Csr,
    /// The issuer; the job is due again at its time.
    Issuer,
}

/// The work has begun.
pub fn start(unit: &mut Unit, lease: &Lease, now: i64) {
    unit.change(
        held(lease, from::TO_RUNNING).set(Column::State, State::Running.as_str()).set(Column::StateChangedAt, now),
    );
}

/// The work is done.
pub fn succeed(unit: &mut Unit, lease: &Lease, now: i64) {
    unit.change(
        held(lease, from::WORKED_ON)
            .set(Column::State, State::Succeeded.as_str())
            .set(Column::StateChangedAt, now)
            .set(Column::CompletedAt, Some(now))
            .set(Column::LeaseOwner, None::<String>)
            .set(Column::LeaseUntil, None::<i64>)
            .set(Column::LastError, None::<String>)
            .set(Column::ErrorClass, None::<String>),
    );
    ended(unit, lease, Outcome::Succeeded, None, now);
}

/// The work has failed and will not be tried again.
pub fn fail(unit: &mut Unit, lease: &Lease, failure: &Failure, now: i64) {
    unit.change(closed(held(lease, from::LEASED), State::Failed, Some(failure), now));
    ended(unit, lease, Outcome::Failed, Some(failure), now);
}

/// The work has failed and is due again at `retry_at`.
pub fn retry(unit: &mut Unit, lease: &Lease, failure: &Failure, retry_at: i64, now: i64) {
    unit.change(
        given_back(held(lease, from::LEASED), State::Pending, retry_at, now)
            .set(Column::LastError, Some(failure.error.clone()))
            .set(Column::ErrorClass, Some(failure.class.clone())),
    );
    ended(unit, lease, Outcome::Retried, Some(failure), now);
}

/// Its agent could not make a request, and is asked for one again at `retry_at`.
pub fn retry_request(unit: &mut Unit, lease: &Lease, failure: &Failure, retry_at: i64, now: i64) {
    unit.change(
        held(lease, from::AWAITING_CSR)
            .set(Column::NotBefore, retry_at)
            .set(Column::LeaseOwner, None::<String>)
            .set(Column::LeaseUntil, None::<i64>)
            .set(Column::LastError, Some(failure.error.clone()))
            .set(Column::ErrorClass, Some(failure.class.clone()))
            .add(Column::Attempt, 1),
    );
    ended(unit, lease, Outcome::Retried, Some(failure), now);
}

/// A request for this job has arrived from outside: it is due, for a server, with this payload.
pub fn provide(unit: &mut Unit, job: &Job, payload: &str, now: i64) {
    unit.change(
        of(&job.fence(), from::AWAITING_CSR)
            .set(Column::State, State::Pending.as_str())
            .set(Column::StateChangedAt, now)
            .set(Column::NotBefore, now)
            .set(Column::Executor, Executor::Server.as_str())
            .set(Column::Payload, payload),
    );
    unit.wake(topic(Executor::Server, None));
}

/// The lease is given back until something happens, or until `not_before`.
pub fn wait_for(unit: &mut Unit, lease: &Lease, wait: Wait, not_before: i64, now: i64) {
    let next = match wait {
        Wait::Approval => State::AwaitingApproval,
        Wait::Csr => State::AwaitingCsr,
        Wait::Issuer => State::AwaitingIssuer,
    };
    unit.change(given_back(held(lease, from::TO_AWAITING), next, not_before, now));
    ended(unit, lease, Outcome::Waiting, None, now);
}

/// The issuer was asked and is not done: it is asked again at `not_before`. The state's age goes on counting.
pub fn wait_on(unit: &mut Unit, lease: &Lease, not_before: i64, now: i64) {
    unit.change(
        held(lease, from::AWAITING_ISSUER)
            .set(Column::NotBefore, not_before)
            .set(Column::LeaseOwner, None::<String>)
            .set(Column::LeaseUntil, None::<i64>),
    );
    ended(unit, lease, Outcome::Waiting, None, now);
}

/// The issuer could not be asked how its order stands: it is asked again at `not_before`. Orders are not bounded by attempts.
pub fn retry_poll(unit: &mut Unit, lease: &Lease, failure: &Failure, not_before: i64, now: i64) {
    unit.change(
        held(lease, from::AWAITING_ISSUER)
            .set(Column::NotBefore, not_before)
            .set(Column::LeaseOwner, None::<String>)
            .set(Column::LeaseUntil, None::<i64>)
            .set(Column::LastError, Some(failure.error.clone()))
            .set(Column::ErrorClass, Some(failure.class.clone())),
    );
    ended(unit, lease, Outcome::Retried, Some(failure), now);
}

/// The lease is given back untouched, as by a worker that stops: the attempt does not count.
pub fn release(unit: &mut Unit, lease: &Lease, now: i64) {
    unit.change(given_back(held(lease, from::TO_RELEASED), State::Pending, now, now).add(Column::Attempt, -1));
    ended(unit, lease, Outcome::Released, None, now);
}

/// Somebody wants the job to stop, and its holder stops, or has failed: it is not tried again.
pub fn stop(unit: &mut Unit, lease: &Lease, reason: &Failure, now: i64) {
    unit.change(closed(held(lease, from::LEASED), State::Cancelled, Some(reason), now));
    ended(unit, lease, Outcome::Cancelled, Some(reason), now);
}

/// The lease lasts until `lease_until`. One that was given back stays so.
pub fn extend(unit: &mut Unit, lease: &Lease, lease_until: i64) {
    unit.change(
        held(lease, from::LEASED)
            .expect(Column::LeaseOwner, Some(lease.worker.clone()))
            .set(Column::LeaseUntil, Some(lease_until)),
    );
}

/// Extends the lease at once.
///
/// # Errors
/// [`DbError::Moved`] when the lease is lost: the holder must stop and report nothing.
pub async fn extend_lease(db: &Db, lease: &Lease, lease_until: i64) -> Result<(), DbError> {
    let mut unit = Unit::new();
    extend(&mut unit, lease, lease_until);
    db.commit(unit).await
}

/// A request for this job has arrived: the server takes the job over, whoever held a lease on it, and goes on with this payload.
#[must_use = "the lease is what lets the work be finished"]
pub fn take_over(unit: &mut Unit, job: &Job, payload: &str, worker: &str, lease_until: i64, now: i64) -> Lease {
    if let Some(lease) = job.lease() {
        ended(unit, &lease, Outcome::Waiting, None, now);
    }
    unit.change(
        of(&job.fence(), from::AWAITING_CSR)
            .set(Column::State, State::Running.as_str())
            .set(Column::StateChangedAt, now)
            .set(Column::Executor, Executor::Server.as_str())
            .set(Column::Payload, payload)
            .set(Column::LeaseOwner, Some(worker.to_owned()))
            .set(Column::LeaseUntil, Some(lease_until))
            .set(Column::StartedAt, Some(now))
            .add(Column::LeaseEpoch, 1)
            .add(Column::Attempt, 1),
    );
    Lease {
        job_id: job.id.clone(),
        epoch: job.lease_epoch + 1,
        attempt: job.attempt + 1,
        worker: worker.to_owned(),
        started_at: now,
    }
}

/// The approval was given: the job is due, for its executor.
pub fn approve(unit: &mut Unit, job: &Job, now: i64) {
    admitted(unit, job, State::Pending, now);
}

/// The approval was given: the job waits for its certificate signing request.
pub fn approve_and_await_csr(unit: &mut Unit, job: &Job, now: i64) {
    admitted(unit, job, State::AwaitingCsr, now);
}

/// Calls off a job that nobody works on.
pub fn cancel(unit: &mut Unit, fence: &Fence, reason: &Failure, now: i64) {
    unit.change(closed(of(fence, from::IDLE).expect_null(Column::LeaseUntil), State::Cancelled, Some(reason), now));
}

/// Calls off a job whoever holds its lease: the holder will never report. A report that comes nevertheless finds the job ended.
pub fn call_off(unit: &mut Unit, fence: &Fence, reason: &Failure, now: i64) {
    unit.change(closed(of(fence, from::OPEN), State::Cancelled, Some(reason), now));
}

/// Asks whoever works on the job to stop at the next safe point.
pub fn request_cancel(unit: &mut Unit, fence: &Fence) {
    unit.change(of(fence, from::LEASED).set(Column::CancelRequested, true));
}

/// Ends a job that nobody works on without success.
pub fn abandon(unit: &mut Unit, fence: &Fence, failure: &Failure, now: i64) {
    unit.change(closed(of(fence, from::IDLE), State::Failed, Some(failure), now));
}

/// Ends a job that waited too long.
pub fn expire(unit: &mut Unit, fence: &Fence, failure: &Failure, now: i64) {
    unit.change(closed(of(fence, from::TO_EXPIRED), State::Expired, Some(failure), now));
}

/// Replaces what the kind needs to know, by the holder of the lease.
pub fn note(unit: &mut Unit, lease: &Lease, payload: &str) {
    unit.change(held(lease, from::LEASED).set(Column::Payload, payload));
}

fn admitted(unit: &mut Unit, job: &Job, next: State, now: i64) {
    unit.change(
        of(&job.fence(), from::AWAITING_APPROVAL)
            .set(Column::State, next.as_str())
            .set(Column::StateChangedAt, now)
            .set(Column::NotBefore, now),
    );
    unit.wake(topic(job.executor, job.agent_id.as_deref()));
}

pub(crate) fn held(lease: &Lease, from: &'static [&'static str]) -> Change {
    of(&lease.fence(), from)
}

fn of(fence: &Fence, from: &'static [&'static str]) -> Change {
    Change::of::<job::Entity>("job", &fence.job_id)
        .key(Column::Id, &fence.job_id)
        .expect(Column::LeaseEpoch, fence.epoch)
        .expect_in(Column::State, from)
}

pub(crate) fn given_back(change: Change, next: State, not_before: i64, now: i64) -> Change {
    change
        .set(Column::State, next.as_str())
        .set(Column::StateChangedAt, now)
        .set(Column::NotBefore, not_before)
        .set(Column::LeaseOwner, None::<String>)
        .set(Column::LeaseUntil, None::<i64>)
}

pub(crate) fn closed(change: Change, end: State, failure: Option<&Failure>, now: i64) -> Change {
    change
        .set(Column::State, end.as_str())
        .set(Column::StateChangedAt, now)
        .set(Column::CompletedAt, Some(now))
        .set(Column::LeaseOwner, None::<String>)
        .set(Column::LeaseUntil, None::<i64>)
        .set(Column::LastError, failure.map(|failure| failure.error.clone()))
        .set(Column::ErrorClass, failure.map(|failure| failure.class.clone()))
}

/// How a lease ended, as `job_attempts` words it.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Succeeded,
    Failed,
    Retried,
    Waiting,
    Released,
    Cancelled,
    Lost,
}

pub(crate) fn ended(unit: &mut Unit, lease: &Lease, outcome: Outcome, failure: Option<&Failure>, now: i64) {
    let outcome = match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Retried => "retried",
        Outcome::Waiting => "waiting",
        Outcome::Released => "released",
        Outcome::Cancelled => "cancelled",
        Outcome::Lost => "lost",
    };
    unit.insert(&attempt::Model {
        job_id: lease.job_id.clone(),
        attempt: lease.attempt,
        lease_epoch: lease.epoch,
        worker: lease.worker.clone(),
        started_at: lease.started_at,
        finished_at: now,
        outcome: outcome.to_owned(),
        error_class: failure.map(|failure| failure.class.clone()),
        error: failure.map(|failure| failure.error.clone()),
    });
}
