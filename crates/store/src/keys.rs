//! API keys: only the SHA-256 of a key is ever stored.

use std::collections::BTreeSet;

use certctl_db::{Change, Db, DbError, Guard, Unit};
use certctl_domain::actor::Person;
use certctl_domain::ids::{KeyId, OwnerId};
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

use crate::convert::{id, id_opt, micros, micros_opt, time, time_opt, word};
use crate::entities::api_key_backfill;
use crate::entities::api_keys::{Column, Entity, Model};

const TABLE: &str = "api_keys";
const ENTITY: &str = "API key";

/// One API key. Its actor is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// Its name, the actor of what is done with it; a key that replaces another has the same name.
    pub name: String,
    /// SHA-256 of the key, lower-case hexadecimal.
    pub key_hash: String,
    /// Where it comes from.
    pub source: KeySource,
    /// Who is behind it.
    pub person: Person,
    /// The owner it was made for.
    pub owner_id: Option<OwnerId>,
    /// The actor that made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops to work.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that replaces it.
    pub rotated_to: Option<KeyId>,
}

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// Made over the API.
    Database,
    /// Named in the environment.
    Env,
    /// Made at the bootstrap door.
    Bootstrap,
}

impl KeySource {
    /// The word in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Env => "env",
            Self::Bootstrap => "bootstrap",
        }
    }

    /// Reads that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Database, Self::Env, Self::Bootstrap].into_iter().find(|source| source.as_str() == word)
    }
}

impl ApiKey {
    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The key with this id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, id: &KeyId) -> Result<Option<ApiKey>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(TryInto::try_into).transpose()
}

/// The key with this hash, live or not.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn with_hash(db: &Db, key_hash: &str) -> Result<Option<ApiKey>, DbError> {
    let row = Entity::find().filter(Column::KeyHash.eq(key_hash)).one(db.read()).await?;
    row.map(TryInto::try_into).transpose()
}

/// Every key that works at `now`, for the in-memory store of a replica.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn live(db: &Db, now: Timestamp) -> Result<Vec<ApiKey>, DbError> {
    let rows = Entity::find().filter(working(now)).order_by_asc(Column::Id);
    rows.all(db.read()).await?.into_iter().map(TryInto::try_into).collect()
}

/// Every key, oldest first, revoked ones included.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn all(db: &Db) -> Result<Vec<ApiKey>, DbError> {
    let rows = Entity::find().order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(db.read()).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Keys of this name, newest first, revoked ones included.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn named(db: &Db, name: &str) -> Result<Vec<ApiKey>, DbError> {
    let rows = Entity::find().filter(Column::Name.eq(name)).order_by_desc(Column::CreatedAt).all(db.read()).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Adds a key, and tells the replicas.
pub fn insert(unit: &mut Unit, key: &ApiKey) {
    unit.insert(&Model::from(key)).wake(CHANGED);
}

/// Adds a key whose name no other key has that works at `now`, else the unit fails with `Moved`.
pub fn insert_named(unit: &mut Unit, key: &ApiKey, now: Timestamp) {
    crate::roles::in_turn(unit);
    insert(unit, key);
    let others = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Name.eq(&key.name))
        .and_where(Column::Id.ne(key.id.as_str()))
        .cond_where(working(now))
        .to_owned();
    let mut alone = Query::update();
    alone
        .table(Entity)
        .value(Column::Name, key.name.as_str())
        .and_where(Column::Id.eq(key.id.as_str()))
        .and_where(Expr::exists(others).not());
    unit.update(alone, Guard::one("key name", &key.name));
}

/// Revokes a key that is not revoked yet, on every replica.
pub fn revoke(unit: &mut Unit, id: &KeyId, now: Timestamp) {
    unit.change(of(id).expect_null(Column::RevokedAt).set(Column::RevokedAt, Some(micros(now)))).wake(CHANGED);
}

/// The key works until `until` and is replaced by `successor`.
pub fn rotate(unit: &mut Unit, id: &KeyId, successor: &KeyId, until: Timestamp) {
    unit.change(
        of(id)
            .expect_null(Column::RevokedAt)
            .expect_null(Column::RotatedTo)
            .set(Column::ExpiresAt, Some(micros(until)))
            .set(Column::RotatedTo, Some(successor.to_string())),
    );
    unit.wake(CHANGED);
}

/// Notes a use; call it at most once a minute a key.
pub fn touch(unit: &mut Unit, id: &KeyId, at: Timestamp) {
    unit.change(of(id).set(Column::LastUsedAt, Some(micros(at))).unguarded());
}

/// Names of environment keys that once had roles given at start; they are given no second time.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn backfilled(db: &Db) -> Result<BTreeSet<String>, DbError> {
    let rows = api_key_backfill::Entity::find().all(db.read()).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Notes that an environment key was seen.
pub fn backfill(unit: &mut Unit, name: &str, now: Timestamp) {
    unit.insert_or_ignore(&api_key_backfill::Model { name: name.to_owned(), seen_at: micros(now) });
}

/// Topic of the wake-up after any change of keys or grants.
pub const CHANGED: &str = "auth";

/// Keys that open something at `now`.
pub(crate) fn working(now: Timestamp) -> Condition {
    Condition::all()
        .add(Column::RevokedAt.is_null())
        .add(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(micros(now))))
}

/// Keys that open something until somebody takes them away.
pub(crate) fn lasting() -> Condition {
    Condition::all().add(Column::RevokedAt.is_null()).add(Column::ExpiresAt.is_null()).add(Column::RotatedTo.is_null())
}

fn of(id: &KeyId) -> Change {
    Change::of::<Entity>(ENTITY, id).key(Column::Id, id.as_str())
}

impl From<&ApiKey> for Model {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            key_hash: key.key_hash.clone(),
            source: key.source.as_str().to_owned(),
            person: key.person.0.clone(),
            owner_id: key.owner_id.as_ref().map(ToString::to_string),
            created_by: key.created_by.clone(),
            created_at: micros(key.created_at),
            expires_at: micros_opt(key.expires_at),
            last_used_at: micros_opt(key.last_used_at),
            revoked_at: micros_opt(key.revoked_at),
            rotated_to: key.rotated_to.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<Model> for ApiKey {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        Ok(Self {
            id: id(TABLE, "id", &row.id, KeyId::parse)?,
            name: row.name,
            key_hash: row.key_hash,
            source: word(TABLE, "source", &row.source, KeySource::parse)?,
            person: Person(row.person),
            owner_id: id_opt(TABLE, "owner_id", row.owner_id.as_deref(), OwnerId::parse)?,
            created_by: row.created_by,
            created_at: time(row.created_at),
            expires_at: time_opt(row.expires_at),
            last_used_at: time_opt(row.last_used_at),
            revoked_at: time_opt(row.revoked_at),
            rotated_to: id_opt(TABLE, "rotated_to", row.rotated_to.as_deref(), KeyId::parse)?,
        })
    }
}
