//! Agents and the credentials that prove who they are.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::agent::{Agent, Credential, CredentialKind};
use certctl_domain::ids::{AgentId, CredentialId, VersionId};
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::convert;
use crate::entities::agents::{Column, Entity, Model};
use crate::entities::{agent_credentials, target_mappings, targets};
use crate::keys::CHANGED;
use crate::list::{self, ByTime, Count, Listed, Window};

/// The agent with this id, retired or not.
pub async fn get(db: &Db, id: &AgentId) -> Result<Option<Agent>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// The agent with this name, retired or not.
pub async fn by_name(db: &Db, name: &str) -> Result<Option<Agent>, DbError> {
    Entity::find().filter(Column::Name.eq(name)).one(db.read()).await?.map(read).transpose()
}

/// Agents that are not retired, newest first.
pub async fn list(db: &Db, window: &Window) -> Result<Listed<Agent>, DbError> {
    page(db, Entity::find().filter(Column::RetiredAt.is_null()), window).await
}

/// Retired agents, newest first.
pub async fn list_retired(db: &Db, window: &Window) -> Result<Listed<Agent>, DbError> {
    page(db, Entity::find().filter(Column::RetiredAt.is_not_null()), window).await
}

async fn page(db: &Db, query: sea_orm::Select<Entity>, window: &Window) -> Result<Listed<Agent>, DbError> {
    let by = ByTime::newest_first(Column::RegisteredAt, Column::Id);
    list::page(db, query, by, window, |row| (row.registered_at, row.id.clone()), read).await
}

/// What hangs on an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Targets it installs at.
    pub active_targets: u64,
    /// Certificates mapped to those.
    pub active_certificates: u64,
    /// Jobs it should do.
    pub pending_jobs: u64,
}

impl Dependencies {
    /// Whether anything does.
    #[must_use]
    pub fn any(&self) -> bool {
        self.active_targets + self.active_certificates + self.pending_jobs > 0
    }
}

/// What hangs on an agent, but for its jobs, which the queue counts.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn dependencies(db: &Db, id: &AgentId) -> Result<Dependencies, DbError> {
    let active = targets::Entity::find()
        .filter(targets::Column::AgentId.eq(id.as_str()))
        .filter(targets::Column::RetiredAt.is_null());
    let mut of_agent = Query::select();
    of_agent
        .column(targets::Column::Id)
        .from(targets::Entity)
        .and_where(targets::Column::AgentId.eq(id.as_str()))
        .and_where(targets::Column::RetiredAt.is_null());
    let certificates = target_mappings::Entity::find()
        .select_only()
        .column(target_mappings::Column::CertificateId)
        .distinct()
        .filter(Expr::col(target_mappings::Column::TargetId).in_subquery(of_agent));
    Ok(Dependencies {
        active_targets: active.count(db.read()).await?,
        active_certificates: certificates.count(db.read()).await?,
        pending_jobs: 0,
    })
}

/// Lets the unit fail unless the agent is there and not retired when it is committed.
pub fn expect_active(unit: &mut Unit, id: &AgentId) {
    unit.change(
        Change::of::<Entity>("agent", id)
            .key(Column::Id, id.as_str())
            .expect_null(Column::RetiredAt)
            .set(Column::RetiredAt, None::<i64>),
    );
}

/// Lets the unit fail unless the agent is still at this revision, and not retired, when it is committed. Units that move the
/// revision wait for this one, or make it fail.
pub fn expect_unchanged(unit: &mut Unit, agent: &Agent) {
    unit.change(
        Change::of::<Entity>("agent", &agent.id)
            .key(Column::Id, agent.id.as_str())
            .expect(Column::Revision, agent.revision)
            .expect_null(Column::RetiredAt)
            .set(Column::Revision, agent.revision),
    );
}

/// How many agents there are that are not retired, and how many of them were heard of since `online_since`.
pub async fn counts(db: &Db, online_since: Timestamp) -> Result<(u64, u64), DbError> {
    let active = Entity::find().filter(Column::RetiredAt.is_null());
    let online = active.clone().filter(Column::LastHeartbeatAt.gt(convert::micros(online_since)));
    let (all, online) = (list::total(db, active, Count::Exact).await?, list::total(db, online, Count::Exact).await?);
    Ok((all.rows, online.rows))
}

/// Adds an agent.
pub fn insert(unit: &mut Unit, agent: &Agent) {
    unit.insert(&row(agent));
}

/// Writes what an agent told at enrolment; the stored revision is the one before.
pub fn update(unit: &mut Unit, agent: &Agent) {
    let row = row(agent);
    unit.change(
        Change::of::<Entity>("agent", &agent.id)
            .key(Column::Id, row.id)
            .expect(Column::Revision, row.revision - 1)
            .expect_null(Column::RetiredAt)
            .set(Column::Name, row.name)
            .set(Column::Hostname, row.hostname)
            .set(Column::Os, row.os)
            .set(Column::Architecture, row.architecture)
            .set(Column::IpAddress, row.ip_address)
            .set(Column::Version, row.version)
            .set(Column::Enrolled, row.enrolled)
            .set(Column::LastHeartbeatAt, row.last_heartbeat_at)
            .set(Column::UpdatedAt, row.updated_at)
            .set(Column::Revision, row.revision),
    );
}

/// Notes that an agent was heard of and what it said; never moves a retired one, and is no change of revision.
pub fn record_heartbeat(unit: &mut Unit, agent: &Agent) {
    let row = row(agent);
    unit.change(
        Change::of::<Entity>("agent", &agent.id)
            .key(Column::Id, row.id)
            .expect_null(Column::RetiredAt)
            .set(Column::Hostname, row.hostname)
            .set(Column::Os, row.os)
            .set(Column::Architecture, row.architecture)
            .set(Column::IpAddress, row.ip_address)
            .set(Column::Version, row.version)
            .set(Column::LastHeartbeatAt, row.last_heartbeat_at),
    );
}

/// Retires an agent whose stored revision is the one before.
pub fn retire(unit: &mut Unit, agent: &Agent) {
    let row = row(agent);
    unit.change(
        Change::of::<Entity>("agent", &agent.id)
            .key(Column::Id, row.id)
            .expect(Column::Revision, row.revision - 1)
            .expect_null(Column::RetiredAt)
            .set(Column::RetiredAt, row.retired_at)
            .set(Column::RetiredReason, row.retired_reason)
            .set(Column::UpdatedAt, row.updated_at)
            .set(Column::Revision, row.revision),
    );
}

/// The credential with this certificate fingerprint, SHA-256 in lower-case hex.
pub async fn credential_by_fingerprint(db: &Db, fingerprint: &str) -> Result<Option<Credential>, DbError> {
    let query = agent_credentials::Entity::find().filter(agent_credentials::Column::FingerprintSha256.eq(fingerprint));
    query.one(db.read()).await?.map(read_credential).transpose()
}

/// The credential with this key, SHA-256 in lower-case hex.
pub async fn credential_by_key(db: &Db, key_hash: &str) -> Result<Option<Credential>, DbError> {
    let query = agent_credentials::Entity::find().filter(agent_credentials::Column::KeyHash.eq(key_hash));
    query.one(db.read()).await?.map(read_credential).transpose()
}

/// All credentials of an agent, oldest first.
pub async fn credentials(db: &Db, agent: &AgentId) -> Result<Vec<Credential>, DbError> {
    let query = agent_credentials::Entity::find()
        .filter(agent_credentials::Column::AgentId.eq(agent.as_str()))
        .order_by_asc(agent_credentials::Column::CreatedAt);
    query.all(db.read()).await?.into_iter().map(read_credential).collect()
}

/// Adds a credential.
pub fn insert_credential(unit: &mut Unit, credential: &Credential) {
    let (kind, version_id, fingerprint_sha256, key_hash) = match &credential.kind {
        CredentialKind::Certificate { version_id, fingerprint_sha256 } => {
            (CERTIFICATE, Some(version_id.to_string()), Some(fingerprint_sha256.clone()), None)
        }
        CredentialKind::ApiKey { key_hash } => (API_KEY, None, None, Some(key_hash.clone())),
    };
    unit.insert(&agent_credentials::Model {
        id: credential.id.to_string(),
        agent_id: credential.agent_id.to_string(),
        kind: kind.to_owned(),
        version_id,
        fingerprint_sha256,
        key_hash,
        created_at: credential.created_at.unix_micros(),
        expires_at: convert::micros_opt(credential.expires_at),
        revoked_at: convert::micros_opt(credential.revoked_at),
    });
}

/// Withdraws every credential of an agent. New ones of the same unit are inserted before this: give them a later instant, or
/// keep them apart with [`revoke_credentials_but`].
pub fn revoke_credentials(unit: &mut Unit, agent: &AgentId, at: Timestamp) {
    unit.update_unguarded(revocation(agent, at).to_owned()).wake(CHANGED);
}

/// Withdraws one credential that is not withdrawn.
pub fn revoke_credential(unit: &mut Unit, id: &CredentialId, at: Timestamp) {
    unit.change(
        Change::of::<agent_credentials::Entity>("agent credential", id)
            .key(agent_credentials::Column::Id, id.as_str())
            .expect_null(agent_credentials::Column::RevokedAt)
            .set(agent_credentials::Column::RevokedAt, Some(at.unix_micros())),
    );
    unit.wake(CHANGED);
}

/// Withdraws every credential of an agent but these.
pub fn revoke_credentials_but(unit: &mut Unit, agent: &AgentId, keep: &[Credential], at: Timestamp) {
    let ids: Vec<&str> = keep.iter().map(|credential| credential.id.as_str()).collect();
    let statement = revocation(agent, at).and_where(agent_credentials::Column::Id.is_not_in(ids)).to_owned();
    unit.update_unguarded(statement).wake(CHANGED);
}

fn revocation(agent: &AgentId, at: Timestamp) -> sea_orm::sea_query::UpdateStatement {
    Query::update()
        .table(agent_credentials::Entity)
        .value(agent_credentials::Column::RevokedAt, at.unix_micros())
        .and_where(Expr::col(agent_credentials::Column::AgentId).eq(agent.as_str()))
        .and_where(Expr::col(agent_credentials::Column::RevokedAt).is_null())
        .to_owned()
}

const CERTIFICATE: &str = "certificate";
const API_KEY: &str = "api_key";

fn row(agent: &Agent) -> Model {
    Model {
        id: agent.id.to_string(),
        name: agent.name.clone(),
        hostname: agent.hostname.clone(),
        os: agent.os.clone(),
        architecture: agent.architecture.clone(),
        ip_address: agent.ip_address.clone(),
        version: agent.version.clone(),
        enrolled: agent.enrolled,
        last_heartbeat_at: convert::micros_opt(agent.last_heartbeat_at),
        registered_at: agent.registered_at.unix_micros(),
        retired_at: convert::micros_opt(agent.retired_at),
        retired_reason: agent.retired_reason.clone(),
        updated_at: agent.updated_at.unix_micros(),
        revision: agent.revision,
    }
}

fn read(row: Model) -> Result<Agent, DbError> {
    Ok(Agent {
        id: convert::id("agents", "id", &row.id, AgentId::parse)?,
        name: row.name,
        hostname: row.hostname,
        os: row.os,
        architecture: row.architecture,
        ip_address: row.ip_address,
        version: row.version,
        enrolled: row.enrolled,
        last_heartbeat_at: convert::time_opt(row.last_heartbeat_at),
        registered_at: convert::time(row.registered_at),
        retired_at: convert::time_opt(row.retired_at),
        retired_reason: row.retired_reason,
        updated_at: convert::time(row.updated_at),
        revision: row.revision,
    })
}

fn read_credential(row: agent_credentials::Model) -> Result<Credential, DbError> {
    let kind = match (row.kind.as_str(), row.version_id, row.fingerprint_sha256, row.key_hash) {
        (CERTIFICATE, Some(version), Some(fingerprint_sha256), None) => CredentialKind::Certificate {
            version_id: convert::id("agent_credentials", "version_id", &version, VersionId::parse)?,
            fingerprint_sha256,
        },
        (API_KEY, None, None, Some(key_hash)) => CredentialKind::ApiKey { key_hash },
        _ => return Err(DbError::unreadable(format_args!("agent_credentials.kind of {}", row.id))),
    };
    Ok(Credential {
        id: convert::id("agent_credentials", "id", &row.id, CredentialId::parse)?,
        agent_id: convert::id("agent_credentials", "agent_id", &row.agent_id, AgentId::parse)?,
        kind,
        created_at: convert::time(row.created_at),
        expires_at: convert::time_opt(row.expires_at),
        revoked_at: convert::time_opt(row.revoked_at),
    })
}
