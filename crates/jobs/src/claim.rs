//! Taking leases. On PostgreSQL replicas skip the rows that another one is taking; on SQLite there is one writer.

use certctl_db::{Backend, Db, DbError, Transaction};
use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, Value};

use crate::entity::job;
use crate::{Executor, Job, State};

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// States to claim from, in order of preference. A pending job becomes claimed and counts an attempt; one that waits
    /// ([`State::AwaitingCsr`], [`State::AwaitingIssuer`]) keeps its state while it is leased.
    pub states: &'a [State],
    /// Who asks; written into the lease.
    pub worker: &'a str,
    /// The present, microseconds since 1970.
    pub now: i64,
    /// End of the leases.
    pub lease_until: i64,
    /// At most this many: ask for as many as there are free hands.
    pub limit: u64,
}

/// Leases due jobs of the servers, by priority, time and id.
///
/// # Errors
/// Those of the connection.
pub async fn claim(db: &Db, ask: &Claim<'_>) -> Result<Vec<Job>, DbError> {
    take(db, ask, Executor::Server, None).await
}

/// Leases due jobs of one agent.
///
/// # Errors
/// Those of the connection.
pub async fn claim_for_agent(db: &Db, agent_id: &str, ask: &Claim<'_>) -> Result<Vec<Job>, DbError> {
    take(db, ask, Executor::Agent, Some(agent_id)).await
}

async fn take(db: &Db, ask: &Claim<'_>, executor: Executor, agent_id: Option<&str>) -> Result<Vec<Job>, DbError> {
    // Looked at first by a reader: a poll that finds nothing, as most do, costs no writer.
    if ask.limit == 0 || !any_due(db, ask, executor, agent_id).await? {
        return Ok(Vec::new());
    }
    let txn = db.begin().await?;
    let mut claimed = Vec::new();
    for state in ask.states {
        let left = ask.limit - claimed.len() as u64;
        if left == 0 {
            break;
        }
        claimed.extend(take_from(&txn, ask, executor, agent_id, *state, left).await?);
    }
    txn.commit().await?;
    Ok(claimed)
}

async fn any_due(db: &Db, ask: &Claim<'_>, executor: Executor, agent_id: Option<&str>) -> Result<bool, DbError> {
    let backend = db.read().get_database_backend();
    for state in ask.states {
        let sql = format!("SELECT id FROM jobs WHERE {} LIMIT 1", due(agent_id.is_some()));
        let statement = Statement::from_sql_and_values(backend, sql, due_values(ask, executor, agent_id, *state));
        if db.read().query_one_raw(statement).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn take_from(
    txn: &Transaction,
    ask: &Claim<'_>,
    executor: Executor,
    agent_id: Option<&str>,
    state: State,
    limit: u64,
) -> Result<Vec<Job>, DbError> {
    let (next, counts) = if state == State::Pending { (State::Claimed, 1_i64) } else { (state, 0) };
    let mut values = due_values(ask, executor, agent_id, state);
    let mut parameter = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let sql = format!(
        "UPDATE jobs SET state = {next}, attempt = attempt + {counts}, lease_epoch = lease_epoch + 1, lease_owner = {worker}, \
         lease_until = {until}, started_at = $1, state_changed_at = CASE WHEN state = {next} THEN state_changed_at ELSE $1 END \
         WHERE id IN (SELECT id FROM jobs WHERE {due} ORDER BY priority, not_before, id LIMIT {limit}{skip}) RETURNING *",
        next = parameter(next.as_str().into()),
        counts = parameter(counts.into()),
        worker = parameter(ask.worker.into()),
        until = parameter(ask.lease_until.into()),
        limit = parameter((limit as i64).into()),
        due = due(agent_id.is_some()),
        skip = if txn.backend() == Backend::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" },
    );
    let statement = Statement::from_sql_and_values(txn.connection().get_database_backend(), sql, values);
    let rows = txn.connection().query_all_raw(statement).await?;
    let mut jobs: Vec<Job> = rows.iter().filter_map(readable).collect();
    // RETURNING keeps no order.
    jobs.sort_by(|a, b| (a.priority, a.not_before, &a.id).cmp(&(b.priority, b.not_before, &b.id)));
    Ok(jobs)
}

/// A leased job. One that cannot be read keeps its lease: it is in nobody's way until that runs out.
fn readable(row: &QueryResult) -> Option<Job> {
    match job::Model::from_query_result(row, "").map_err(DbError::from).and_then(Job::try_from) {
        Ok(job) => Some(job),
        Err(error) => {
            let id: String = row.try_get("", "id").unwrap_or_default();
            tracing::error!(job.id = %id, error = &error as &dyn std::error::Error, "job {id} cannot be read");
            None
        }
    }
}

/// The condition of a due job; parameters as [`due_values`] gives them.
fn due(of_agent: bool) -> &'static str {
    if of_agent {
        "completed_at IS NULL AND not_before <= $1 AND (lease_until IS NULL OR lease_until <= $1) AND executor = $2 AND state = $3 \
         AND agent_id = $4"
    } else {
        "completed_at IS NULL AND not_before <= $1 AND (lease_until IS NULL OR lease_until <= $1) AND executor = $2 AND state = $3"
    }
}

fn due_values(ask: &Claim<'_>, executor: Executor, agent_id: Option<&str>, state: State) -> Vec<Value> {
    let mut values = vec![ask.now.into(), executor.as_str().into(), state.as_str().into()];
    values.extend(agent_id.map(Value::from));
    values
}
