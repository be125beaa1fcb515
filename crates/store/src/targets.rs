//! Targets.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::{AgentId, TargetId};
use certctl_domain::target::Target;
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::convert;
use crate::entities::targets::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};
use crate::references::{self, References};
use crate::remove;

/// The target with this id.
pub async fn get(db: &Db, id: &TargetId) -> Result<Option<Target>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// Which targets a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this agent.
    pub agent_id: Option<AgentId>,
}

/// Targets, oldest first, retired ones included.
pub async fn list(db: &Db, filter: &Filter, window: &Window) -> Result<Listed<Target>, DbError> {
    let by = ByTime::oldest_first(Column::CreatedAt, Column::Id);
    let position = |row: &Model| (row.created_at, row.id.clone());
    match &filter.agent_id {
        None => list::page(db, Entity::find(), by, window, position, read).await,
        Some(agent) => {
            let query = Entity::find().filter(Column::AgentId.eq(agent.as_str()));
            list::filtered(db, query, by, window, position, read).await
        }
    }
}

/// The targets of an agent that are not retired.
pub async fn of_agent(db: &Db, agent: &AgentId) -> Result<Vec<Target>, DbError> {
    let query = Entity::find().filter(Column::AgentId.eq(agent.as_str())).filter(Column::RetiredAt.is_null());
    query.all(db.read()).await?.into_iter().map(read).collect()
}

/// Certificates mapped to the target.
pub async fn references(db: &Db, id: &TargetId) -> Result<References, DbError> {
    references::count(db, id.as_str(), &[("certificates", "target_mappings", "target_id")]).await
}

/// Adds a target.
pub fn insert(unit: &mut Unit, target: &Target) {
    unit.insert(&row(target));
}

/// Writes what a person may edit of a target whose stored revision is the one before.
pub fn update(unit: &mut Unit, target: &Target) {
    let row = row(target);
    unit.change(
        Change::of::<Entity>("target", &target.id)
            .key(Column::Id, row.id)
            .expect(Column::Revision, row.revision - 1)
            .set(Column::Name, row.name)
            .set(Column::AgentId, row.agent_id)
            .set(Column::Config, row.config)
            .set(Column::SealedConfig, row.sealed_config)
            .set(Column::Enabled, row.enabled)
            .set(Column::TestStatus, row.test_status)
            .set(Column::LastTestedAt, row.last_tested_at)
            .set(Column::UpdatedAt, row.updated_at)
            .set(Column::Revision, row.revision),
    );
}

/// Notes how a test of the configuration of this revision ended; the configuration itself is not touched.
pub fn record_test(unit: &mut Unit, target: &Target, status: &str, at: Timestamp) {
    unit.change(
        Change::of::<Entity>("target", &target.id)
            .key(Column::Id, target.id.as_str())
            .expect(Column::Revision, target.revision)
            .set(Column::TestStatus, status)
            .set(Column::LastTestedAt, at.unix_micros()),
    );
}

/// Retires all targets of an agent that are not retired yet.
pub fn retire_of_agent(unit: &mut Unit, agent: &AgentId, at: Timestamp, reason: Option<&str>) {
    let mut statement = Query::update();
    statement
        .table(Entity)
        .value(Column::RetiredAt, at.unix_micros())
        .value(Column::RetiredReason, reason.map(str::to_owned))
        .value(Column::UpdatedAt, at.unix_micros())
        .value(Column::Revision, Expr::col(Column::Revision).add(1))
        .and_where(Column::AgentId.eq(agent.as_str()))
        .and_where(Column::RetiredAt.is_null());
    unit.update_unguarded(statement);
}

/// Deletes a target whose stored revision is this one.
pub fn delete(unit: &mut Unit, target: &Target) {
    let (id, revision) = ((Column::Id, target.id.as_str()), (Column::Revision, target.revision));
    remove::at_revision::<Entity, _>(unit, "target", id, revision);
}

fn row(target: &Target) -> Model {
    Model {
        id: target.id.to_string(),
        name: target.name.clone(),
        kind: target.kind.clone(),
        agent_id: target.agent_id.to_string(),
        config: target.config.clone(),
        sealed_config: target.sealed_config.clone(),
        enabled: target.enabled,
        source: target.source.clone(),
        test_status: target.test_status.clone(),
        last_tested_at: convert::micros_opt(target.last_tested_at),
        retired_at: convert::micros_opt(target.retired_at),
        retired_reason: target.retired_reason.clone(),
        created_at: target.created_at.unix_micros(),
        updated_at: target.updated_at.unix_micros(),
        revision: target.revision,
    }
}

fn read(row: Model) -> Result<Target, DbError> {
    Ok(Target {
        id: convert::id("targets", "id", &row.id, TargetId::parse)?,
        name: row.name,
        kind: row.kind,
        agent_id: convert::id("targets", "agent_id", &row.agent_id, AgentId::parse)?,
        config: row.config,
        sealed_config: row.sealed_config,
        enabled: row.enabled,
        source: row.source,
        test_status: row.test_status,
        last_tested_at: convert::time_opt(row.last_tested_at),
        retired_at: convert::time_opt(row.retired_at),
        retired_reason: row.retired_reason,
        created_at: convert::time(row.created_at),
        updated_at: convert::time(row.updated_at),
        revision: row.revision,
    })
}
