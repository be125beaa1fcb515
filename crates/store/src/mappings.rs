//! Mappings: which version should be served at a target, and which one is.

use certctl_db::{Change, Db, DbError, Due, Place, Unit};
use certctl_domain::ids::{AgentId, CertificateId, TargetId, VersionId};
use certctl_domain::target::{Mapping, MappingState, VerifyStatus};
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::convert::{id, id_opt, micros, micros_opt, small, time_opt, word};
use crate::entities::target_mappings::{Column, Entity, Model};
use crate::entities::targets;

const TABLE: &str = "target_mappings";
const ENTITY: &str = "mapping";

/// The mapping of a certificate to a target.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, certificate: &CertificateId, target: &TargetId) -> Result<Option<Mapping>, DbError> {
    let row = Entity::find_by_id((certificate.to_string(), target.to_string()))
        .one(db.read())
        .await
        .map_err(DbError::from)?;
    row.map(TryInto::try_into).transpose()
}

/// All mappings of a certificate, by target.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn of_certificate(db: &Db, certificate: &CertificateId) -> Result<Vec<Mapping>, DbError> {
    let rows = Entity::find().filter(Column::CertificateId.eq(certificate.as_str())).order_by_asc(Column::TargetId);
    rows.all(db.read()).await.map_err(DbError::from)?.into_iter().map(TryInto::try_into).collect()
}

/// Mappings of a certificate to active targets of one agent.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn of_agent(db: &Db, certificate: &CertificateId, agent: &AgentId) -> Result<Vec<Mapping>, DbError> {
    let mut active = Query::select();
    active
        .column(targets::Column::Id)
        .from(targets::Entity)
        .and_where(targets::Column::AgentId.eq(agent.as_str()))
        .and_where(targets::Column::Enabled.eq(true))
        .and_where(targets::Column::RetiredAt.is_null());
    let rows = Entity::find()
        .filter(Column::CertificateId.eq(certificate.as_str()))
        .filter(Column::State.ne(MappingState::Orphaned.as_str()))
        .filter(Expr::col(Column::TargetId).in_subquery(active));
    rows.all(db.read()).await.map_err(DbError::from)?.into_iter().map(TryInto::try_into).collect()
}

/// The agents that have an active target of a certificate, each once.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn agents_of(db: &Db, certificate: &CertificateId) -> Result<Vec<AgentId>, DbError> {
    let mut mapped = Query::select();
    mapped.column(Column::TargetId).from(Entity).and_where(Column::CertificateId.eq(certificate.as_str()));
    let agents: Vec<String> = targets::Entity::find()
        .select_only()
        .column(targets::Column::AgentId)
        .distinct()
        .filter(targets::Column::Enabled.eq(true))
        .filter(targets::Column::RetiredAt.is_null())
        .filter(Expr::col(targets::Column::Id).in_subquery(mapped))
        .order_by_asc(targets::Column::AgentId)
        .into_tuple()
        .all(db.read())
        .await
        .map_err(DbError::from)?;
    agents.iter().map(|agent| id("targets", "agent_id", agent, AgentId::parse)).collect()
}

/// Mappings whose desired version is not in place and that nobody looked at lately; also those whose deployment ended without a report.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn due(db: &Db, now: Timestamp, after: Option<&Place>, limit: u16) -> Result<Vec<Due<Mapping>>, DbError> {
    let find = Entity::find()
        // Word for word the condition of the partial index, which parameters would hide from the planner.
        .filter(Expr::cust("state IN ('pending', 'deploying', 'failed')"))
        .filter(Column::NextAttemptAt.lte(micros(now)));
    let key = [Column::CertificateId, Column::TargetId];
    let due = certctl_db::due(db, find, Column::NextAttemptAt, &key, after, u64::from(limit)).await?;
    Ok(due.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

/// Certificates mapped to targets of an agent and not orphaned: the first `limit` by id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn certificates_of_agent(db: &Db, agent: &AgentId, limit: u64) -> Result<Vec<CertificateId>, DbError> {
    let ids: Vec<String> = Entity::find()
        .select_only()
        .column(Column::CertificateId)
        .distinct()
        .filter(Expr::col(Column::TargetId).in_subquery(targets_of(agent)))
        .filter(Column::State.ne(MappingState::Orphaned.as_str()))
        .order_by_asc(Column::CertificateId)
        .limit(limit)
        .into_tuple()
        .all(db.read())
        .await
        .map_err(DbError::from)?;
    ids.iter().map(|text| id(TABLE, "certificate_id", text, CertificateId::parse)).collect()
}

/// Adds a mapping.
pub fn insert(unit: &mut Unit, mapping: &Mapping) {
    unit.insert(&Model::from(mapping));
}

/// Removes a mapping.
pub fn delete(unit: &mut Unit, mapping: &Mapping) {
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Column::CertificateId.eq(mapping.certificate_id.as_str()))
        .and_where(Column::TargetId.eq(mapping.target_id.as_str()));
    unit.delete(delete, certctl_db::Guard::one(ENTITY, name(mapping)));
}

/// Makes the mapping want `mapping.desired_version_id`, whatever was before. An orphan stays one.
pub fn want(unit: &mut Unit, mapping: &Mapping) {
    unit.change(
        keyed(mapping)
            .expect_in(Column::State, &["waiting", "pending", "deploying", "verified", "not_verified", "failed"])
            .set(Column::DesiredVersionId, mapping.desired_version_id.as_ref().map(ToString::to_string))
            .set(Column::State, mapping.state.as_str())
            .set(Column::LastError, mapping.last_error.clone())
            .set(Column::NextAttemptAt, micros_opt(mapping.next_attempt_at))
            .set(Column::Failures, i64::from(mapping.failures)),
    );
}

/// Sets when the reconciler looks again.
pub fn look_again(unit: &mut Unit, mapping: &Mapping, at: Timestamp) {
    unit.change(
        keyed(mapping)
            .expect(Column::NextAttemptAt, micros_opt(mapping.next_attempt_at))
            .set(Column::NextAttemptAt, micros(at)),
    );
}

/// Moves a mapping from the state it was read in; fails with `Moved` when it has another state or wants another version now.
pub fn advance(unit: &mut Unit, before: &Mapping, after: &Mapping) {
    debug_assert!(before.state == after.state || before.state.may_become(after.state));
    let row = Model::from(after);
    unit.change(
        keyed(before)
            .expect(Column::State, before.state.as_str())
            .expect(Column::DesiredVersionId, before.desired_version_id.as_ref().map(ToString::to_string))
            .set(Column::DeployedVersionId, row.deployed_version_id)
            .set(Column::DeployedAt, row.deployed_at)
            .set(Column::ServedFingerprint, row.served_fingerprint)
            .set(Column::State, row.state)
            .set(Column::LastError, row.last_error)
            .set(Column::VerifyStatus, row.verify_status)
            .set(Column::VerifiedAt, row.verified_at)
            .set(Column::NextAttemptAt, row.next_attempt_at)
            .set(Column::Failures, row.failures),
    );
}

/// Installs again whatever is desired at a target, from `now` on: its configuration changed, so that what is in place may not
/// lie where it should.
pub fn reinstall_at(unit: &mut Unit, target: &TargetId, now: Timestamp) {
    let mut statement = Query::update();
    statement
        .table(Entity)
        .value(Column::State, MappingState::Pending.as_str())
        .value(Column::DeployedVersionId, Option::<String>::None)
        .value(Column::NextAttemptAt, micros(now))
        .value(Column::Failures, 0_i64)
        .and_where(Column::TargetId.eq(target.as_str()))
        .and_where(Column::DesiredVersionId.is_not_null())
        .and_where(Column::State.ne(MappingState::Orphaned.as_str()));
    unit.update_unguarded(statement);
}

/// Orphans every mapping to a target of an agent.
pub fn orphan_of_agent(unit: &mut Unit, agent: &AgentId, reason: &str) {
    let mut statement = Query::update();
    statement
        .table(Entity)
        .value(Column::State, MappingState::Orphaned.as_str())
        .value(Column::LastError, reason)
        .value(Column::NextAttemptAt, Option::<i64>::None)
        .and_where(Expr::col(Column::TargetId).in_subquery(targets_of(agent)))
        .and_where(Column::State.ne(MappingState::Orphaned.as_str()));
    unit.update_unguarded(statement);
}

fn targets_of(agent: &AgentId) -> SelectStatement {
    Query::select()
        .column(targets::Column::Id)
        .from(targets::Entity)
        .and_where(targets::Column::AgentId.eq(agent.as_str()))
        .to_owned()
}

/// Notes a handshake that was reported apart from the deployment.
pub fn verify(unit: &mut Unit, before: &Mapping, after: &Mapping) {
    let row = Model::from(after);
    unit.change(
        keyed(before)
            .expect(Column::State, before.state.as_str())
            .expect(Column::DesiredVersionId, before.desired_version_id.as_ref().map(ToString::to_string))
            .set(Column::State, row.state)
            .set(Column::ServedFingerprint, row.served_fingerprint)
            .set(Column::VerifyStatus, row.verify_status)
            .set(Column::VerifiedAt, row.verified_at),
    );
}

fn keyed(mapping: &Mapping) -> Change {
    Change::of::<Entity>(ENTITY, name(mapping))
        .key(Column::CertificateId, mapping.certificate_id.as_str())
        .key(Column::TargetId, mapping.target_id.as_str())
}

fn name(mapping: &Mapping) -> String {
    format!("{}/{}", mapping.certificate_id, mapping.target_id)
}

impl From<&Mapping> for Model {
    fn from(mapping: &Mapping) -> Self {
        Self {
            certificate_id: mapping.certificate_id.to_string(),
            target_id: mapping.target_id.to_string(),
            desired_version_id: mapping.desired_version_id.as_ref().map(ToString::to_string),
            deployed_version_id: mapping.deployed_version_id.as_ref().map(ToString::to_string),
            deployed_at: micros_opt(mapping.deployed_at),
            served_fingerprint: mapping.served_fingerprint.clone(),
            state: mapping.state.as_str().to_owned(),
            last_error: mapping.last_error.clone(),
            verify_status: mapping.verify_status.as_str().to_owned(),
            verified_at: micros_opt(mapping.verified_at),
            next_attempt_at: micros_opt(mapping.next_attempt_at),
            failures: i64::from(mapping.failures),
        }
    }
}

impl TryFrom<Model> for Mapping {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        Ok(Self {
            certificate_id: id(TABLE, "certificate_id", &row.certificate_id, CertificateId::parse)?,
            target_id: id(TABLE, "target_id", &row.target_id, TargetId::parse)?,
            desired_version_id: id_opt(
                TABLE,
                "desired_version_id",
                row.desired_version_id.as_deref(),
                VersionId::parse,
            )?,
            deployed_version_id: id_opt(
                TABLE,
                "deployed_version_id",
                row.deployed_version_id.as_deref(),
                VersionId::parse,
            )?,
            deployed_at: time_opt(row.deployed_at),
            served_fingerprint: row.served_fingerprint,
            state: word(TABLE, "state", &row.state, MappingState::parse)?,
            last_error: row.last_error,
            verify_status: word(TABLE, "verify_status", &row.verify_status, VerifyStatus::parse)?,
            verified_at: time_opt(row.verified_at),
            next_attempt_at: time_opt(row.next_attempt_at),
            failures: small(TABLE, "failures", row.failures)?,
        })
    }
}
