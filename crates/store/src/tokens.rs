//! Enrolment tokens. Only hashes are stored; a use is counted by a guarded increment, so that no token admits one agent too
//! many.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::agent::EnrollmentToken;
use certctl_domain::ids::{AgentId, TokenId, VersionId};
use certctl_pki::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::convert;
use crate::entities::enrollment_tokens::{Column, Entity, Model};
use crate::entities::enrollment_uses;
use crate::list::{self, ByTime, Listed, Window};

/// A use of a token by one public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    /// The token; for a static one its name.
    pub token_id: String,
    /// SHA-256 of the public key, lower-case hex.
    pub spki_sha256: String,
    /// The agent it admitted.
    pub agent_id: AgentId,
    /// The identity certificate it was given.
    pub version_id: VersionId,
    /// When.
    pub used_at: Timestamp,
}

/// The token with this id.
pub async fn get(db: &Db, id: &TokenId) -> Result<Option<EnrollmentToken>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// The token with this SHA-256, lower-case hex.
pub async fn by_hash(db: &Db, hash: &str) -> Result<Option<EnrollmentToken>, DbError> {
    Entity::find().filter(Column::TokenHash.eq(hash)).one(db.read()).await?.map(read).transpose()
}

/// Tokens, newest first.
pub async fn list(db: &Db, window: &Window) -> Result<Listed<EnrollmentToken>, DbError> {
    let by = ByTime::newest_first(Column::CreatedAt, Column::Id);
    list::page(db, Entity::find(), by, window, |row| (row.created_at, row.id.clone()), read).await
}

/// What a token gave to this key before.
pub async fn used_by(db: &Db, token: &str, spki_sha256: &str) -> Result<Option<TokenUse>, DbError> {
    let row = enrollment_uses::Entity::find_by_id((token.to_owned(), spki_sha256.to_owned())).one(db.read()).await?;
    row.map(read_use).transpose()
}

/// Adds a token.
pub fn insert(unit: &mut Unit, token: &EnrollmentToken) {
    unit.insert(&row(token));
}

/// Takes one use of a token that has one left and is not withdrawn.
pub fn take_use(unit: &mut Unit, id: &TokenId) {
    unit.change(
        Change::of::<Entity>("enrolment token", id)
            .key(Column::Id, id.as_str())
            .expect_null(Column::RevokedAt)
            .expect_below(Column::Uses, Column::MaxUses)
            .add(Column::Uses, 1),
    );
}

/// Remembers what a token gave to a key.
pub fn insert_use(unit: &mut Unit, used: &TokenUse) {
    unit.insert(&enrollment_uses::Model {
        token_id: used.token_id.clone(),
        spki_sha256: used.spki_sha256.clone(),
        agent_id: used.agent_id.to_string(),
        version_id: used.version_id.to_string(),
        used_at: used.used_at.unix_micros(),
    });
}

/// Withdraws a token that is not withdrawn.
pub fn revoke(unit: &mut Unit, id: &TokenId, at: Timestamp) {
    unit.change(
        Change::of::<Entity>("enrolment token", id)
            .key(Column::Id, id.as_str())
            .expect_null(Column::RevokedAt)
            .set(Column::RevokedAt, at.unix_micros()),
    );
}

/// Withdraws every token bound to an agent.
pub fn revoke_of_agent(unit: &mut Unit, agent: &AgentId, at: Timestamp) {
    let mut statement = sea_orm::sea_query::Query::update();
    statement
        .table(Entity)
        .value(Column::RevokedAt, at.unix_micros())
        .and_where(Column::AgentId.eq(agent.as_str()))
        .and_where(Column::RevokedAt.is_null());
    unit.update_unguarded(statement);
}

fn row(token: &EnrollmentToken) -> Model {
    Model {
        id: token.id.to_string(),
        token_hash: token.token_hash.clone(),
        name_pattern: token.name_pattern.clone(),
        agent_id: token.agent_id.as_ref().map(ToString::to_string),
        max_uses: i64::from(token.max_uses),
        uses: i64::from(token.uses),
        created_by: token.created_by.clone(),
        created_at: token.created_at.unix_micros(),
        expires_at: token.expires_at.unix_micros(),
        revoked_at: convert::micros_opt(token.revoked_at),
    }
}

fn read(row: Model) -> Result<EnrollmentToken, DbError> {
    Ok(EnrollmentToken {
        id: convert::id("enrollment_tokens", "id", &row.id, TokenId::parse)?,
        token_hash: row.token_hash,
        name_pattern: row.name_pattern,
        agent_id: convert::id_opt("enrollment_tokens", "agent_id", row.agent_id.as_deref(), AgentId::parse)?,
        max_uses: convert::small("enrollment_tokens", "max_uses", row.max_uses)?,
        uses: convert::small("enrollment_tokens", "uses", row.uses)?,
        created_by: row.created_by,
        created_at: convert::time(row.created_at),
        expires_at: convert::time(row.expires_at),
        revoked_at: convert::time_opt(row.revoked_at),
    })
}

fn read_use(row: enrollment_uses::Model) -> Result<TokenUse, DbError> {
    Ok(TokenUse {
        token_id: row.token_id,
        spki_sha256: row.spki_sha256,
        agent_id: convert::id("enrollment_uses", "agent_id", &row.agent_id, AgentId::parse)?,
        version_id: convert::id("enrollment_uses", "version_id", &row.version_id, VersionId::parse)?,
        used_at: convert::time(row.used_at),
    })
}
