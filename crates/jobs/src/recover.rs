//! Leases that ran out, and jobs that wait too long: found by a reconciler, mended by guarded units.

use certctl_db::{Db, DbError, Due, Place, Unit};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::enqueue::topic;
use crate::entity::job;
use crate::lease::{Failure, Outcome, closed, ended, given_back, held};
use crate::state::from;
use crate::{Job, State};

/// What becomes of a job whose lease ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Due again; its attempt counts.
    Again,
    /// It only waited; it goes on waiting, without the lease.
    Waiting,
    /// No attempt is left: failed.
    Failed,
    /// Somebody had called it off.
    Cancelled,
}

/// Jobs whose lease ran out before `now`, oldest lease first: those behind `after`.
///
/// # Errors
/// Those of the connection.
pub async fn leases_expired(db: &Db, now: i64, after: Option<&Place>, limit: u64) -> Result<Vec<Due<Job>>, DbError> {
    let find = job::Entity::find().filter(job::Column::CompletedAt.is_null()).filter(job::Column::LeaseUntil.lte(now));
    let due = certctl_db::due(db, find, job::Column::LeaseUntil, &[job::Column::Id], after, limit).await?;
    Ok(due.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

/// Open jobs that an agent holds, in the order of their leases: those behind `after`.
///
/// # Errors
/// Those of the connection.
pub async fn held_by_agent(db: &Db, agent: &str, after: Option<&Place>, limit: u64) -> Result<Vec<Due<Job>>, DbError> {
    let find = job::Entity::find()
        .filter(job::Column::CompletedAt.is_null())
        .filter(job::Column::AgentId.eq(agent))
        .filter(job::Column::LeaseOwner.eq(agent))
        .filter(job::Column::LeaseUntil.is_not_null());
    let due = certctl_db::due(db, find, job::Column::LeaseUntil, &[job::Column::Id], after, limit).await?;
    Ok(due.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

/// Adds to the unit what the lost lease of this job asks for. The caller adds what its kind asks for.
pub fn recover(unit: &mut Unit, job: &Job, now: i64) -> Option<Recovery> {
    let lease = job.lease()?;
    let lost =
        Failure { class: LOST.to_owned(), error: format!("{} stopped answering and lost its lease", lease.worker) };
    ended(unit, &lease, Outcome::Lost, Some(&lost), now);
    if job.cancel_requested {
        let change = held(&lease, from::LEASED).expect(job::Column::LeaseUntil, job.lease_until);
        unit.change(closed(change, State::Cancelled, Some(&lost), now));
        return Some(Recovery::Cancelled);
    }
    if matches!(job.state, State::AwaitingCsr | State::AwaitingIssuer) {
        unit.change(
            held(&lease, from::LEASED)
                .expect(job::Column::LeaseUntil, job.lease_until)
                .set(job::Column::LeaseOwner, None::<String>)
                .set(job::Column::LeaseUntil, None::<i64>),
        );
        unit.wake(topic(job.executor, job.agent_id.as_deref()));
        return Some(Recovery::Waiting);
    }
    // The end of the lease is expected too: a holder that has extended it meanwhile keeps it.
    let change = held(&lease, from::TO_RELEASED).expect(job::Column::LeaseUntil, job.lease_until);
    if job.is_exhausted() {
        unit.change(closed(change, State::Failed, Some(&lost), now));
        return Some(Recovery::Failed);
    }
    unit.change(
        given_back(change, State::Pending, now, now)
            .set(job::Column::LastError, Some(lost.error))
            .set(job::Column::ErrorClass, Some(lost.class)),
    );
    unit.wake(topic(job.executor, job.agent_id.as_deref()));
    Some(Recovery::Again)
}

/// Open jobs of one kind, or of any, that have been in this state since before `before`, oldest first: those behind `after`.
/// What is asked for in a loop has a partial index of its own, see `jobs_awaiting_csr_idx`.
///
/// # Errors
/// Those of the connection.
pub async fn stale(
    db: &Db,
    state: State,
    kind: Option<&'static str>,
    before: i64,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Due<Job>>, DbError> {
    let find = waiting(state, kind, before);
    let due = certctl_db::due(db, find, job::Column::StateChangedAt, &[job::Column::Id], after, limit).await?;
    Ok(due.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

fn waiting(state: State, kind: Option<&'static str>, before: i64) -> Select<job::Entity> {
    let find = job::Entity::find()
        .filter(job::Column::CompletedAt.is_null())
        // Word for word the conditions of partial indexes, which parameters would hide from the planner.
        .filter(Expr::cust(format!("state = '{}'", state.as_str())))
        .filter(job::Column::StateChangedAt.lt(before));
    match kind {
        Some(kind) => find.filter(Expr::cust(format!("kind = '{kind}'"))),
        None => find,
    }
}

/// Error class of an attempt whose worker vanished.
const LOST: &str = "lease_lost";

#[cfg(test)]
mod tests;
