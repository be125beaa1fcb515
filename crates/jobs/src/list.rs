//! Reading the queue.

use certctl_db::{Db, DbError};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::entity::{attempt, job};
use crate::{Attempt, Job, State};

/// Which jobs; an empty list means any.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Vec<State>,
    /// Of one of these kinds.
    pub kinds: Vec<String>,
    /// About this certificate.
    pub certificate_id: Option<String>,
    /// Of this agent.
    pub agent_id: Option<String>,
}

/// Position of a job in the order of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When it was enqueued.
    pub created_at: i64,
    /// Its id.
    pub id: String,
}

/// The job with this id.
///
/// # Errors
/// Those of the connection.
pub async fn job(db: &Db, id: &str) -> Result<Option<Job>, DbError> {
    job::Entity::find_by_id(id).one(db.read()).await?.map(Job::try_from).transpose()
}

/// Jobs, newest first, those after `after` or from `offset` on.
///
/// # Errors
/// Those of the connection.
pub async fn jobs(
    db: &Db,
    filter: &Filter,
    after: Option<&Cursor>,
    offset: u64,
    limit: u64,
) -> Result<Vec<Job>, DbError> {
    let mut query = filtered(filter);
    if let Some(after) = after {
        query =
            query.filter(Condition::any().add(job::Column::CreatedAt.lt(after.created_at)).add(
                Condition::all().add(job::Column::CreatedAt.eq(after.created_at)).add(job::Column::Id.lt(&after.id)),
            ));
    }
    let rows = query
        .order_by_desc(job::Column::CreatedAt)
        .order_by_desc(job::Column::Id)
        .offset(offset)
        .limit(limit)
        .all(db.read())
        .await?;
    rows.into_iter().map(Job::try_from).collect()
}

/// How many jobs there are, counting no further than `cap`.
///
/// # Errors
/// Those of the connection.
pub async fn count(db: &Db, filter: &Filter, cap: u64) -> Result<u64, DbError> {
    let inner = filtered(filter).select_only().column(job::Column::Id).limit(cap).into_query();
    let outer = Query::select()
        .expr_as(Expr::col(Alias::new("id")).count(), Alias::new("found"))
        .from_subquery(inner, Alias::new("j"))
        .to_owned();
    let row = db.read().query_one(&outer).await?;
    row.map_or(Ok(0), |row| Ok(u64::try_from(row.try_get::<i64>("", "found")?).unwrap_or_default()))
}

/// Attempts of a job that have ended, oldest first.
///
/// # Errors
/// Those of the connection.
pub async fn attempts(db: &Db, job_id: &str) -> Result<Vec<Attempt>, DbError> {
    let rows = attempt::Entity::find()
        .filter(attempt::Column::JobId.eq(job_id))
        .order_by_asc(attempt::Column::LeaseEpoch)
        .all(db.read())
        .await?;
    Ok(rows.into_iter().map(Attempt::from).collect())
}

/// Open jobs of these certificates, newest first.
///
/// # Errors
/// Those of the connection.
pub async fn open_of_certificates(db: &Db, certificate_ids: &[String]) -> Result<Vec<Job>, DbError> {
    if certificate_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = job::Entity::find()
        .filter(job::Column::CompletedAt.is_null())
        .filter(job::Column::CertificateId.is_in(certificate_ids))
        .order_by_desc(job::Column::CreatedAt)
        .all(db.read())
        .await?;
    rows.into_iter().map(Job::try_from).collect()
}

/// The newest job of these kinds about a certificate, open or not.
///
/// # Errors
/// Those of the connection.
pub async fn last_of_certificate(db: &Db, certificate_id: &str, kinds: &[&str]) -> Result<Option<Job>, DbError> {
    let row = job::Entity::find()
        .filter(job::Column::CertificateId.eq(certificate_id))
        .filter(job::Column::Kind.is_in(kinds.iter().copied()))
        .order_by_desc(job::Column::CreatedAt)
        .order_by_desc(job::Column::Id)
        .one(db.read())
        .await?;
    row.map(Job::try_from).transpose()
}

fn filtered(filter: &Filter) -> Select<job::Entity> {
    job::Entity::find()
        .apply_if((!filter.states.is_empty()).then_some(&filter.states), |query, states| {
            query.filter(job::Column::State.is_in(states.iter().map(|state| state.as_str())))
        })
        .apply_if((!filter.kinds.is_empty()).then_some(&filter.kinds), |query, kinds| {
            query.filter(job::Column::Kind.is_in(kinds))
        })
        .apply_if(filter.certificate_id.as_ref(), |query, id| query.filter(job::Column::CertificateId.eq(id)))
        .apply_if(filter.agent_id.as_ref(), |query, id| query.filter(job::Column::AgentId.eq(id)))
}
