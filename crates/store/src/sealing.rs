//! The installation itself and the data keys under which secrets are sealed. Both are wrapped by a key that is never stored.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::DataKeyId;
use certctl_pki::Timestamp;
use sea_orm::{EntityTrait, QueryOrder};

use crate::convert::{id, micros, micros_opt, time, time_opt};
use crate::entities::{data_keys, install};

/// What is known of the installation; there is one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Which key encryption key the canary was sealed with.
    pub kek_id: String,
    /// Salt of the key derivation.
    pub kek_salt: Vec<u8>,
    /// A known text sealed with that key: a wrong key is noticed at start, not at the first secret.
    pub canary: Vec<u8>,
    /// When the first administrator was made.
    pub bootstrap_consumed_at: Option<Timestamp>,
    /// When the installation began.
    pub created_at: Timestamp,
}

/// A data encryption key, wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKey {
    /// Its id, part of every blob sealed with it.
    pub id: DataKeyId,
    /// The key, wrapped by the key encryption key.
    pub wrapped: Vec<u8>,
    /// Which key encryption key.
    pub kek_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it only opens.
    pub retired_at: Option<Timestamp>,
}

/// The installation, once it has begun.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn install(db: &Db) -> Result<Option<Install>, DbError> {
    let row = install::Entity::find_by_id(ONLY).one(db.read()).await?;
    Ok(row.map(|row| Install {
        kek_id: row.kek_id,
        kek_salt: row.kek_salt,
        canary: row.canary,
        bootstrap_consumed_at: time_opt(row.bootstrap_consumed_at),
        created_at: time(row.created_at),
    }))
}

/// Begins the installation; of two replicas that try, one wins and the other reads.
pub fn install_insert(unit: &mut Unit, install: &Install) {
    unit.insert(&install::Model {
        id: ONLY,
        kek_id: install.kek_id.clone(),
        kek_salt: install.kek_salt.clone(),
        canary: install.canary.clone(),
        bootstrap_consumed_at: micros_opt(install.bootstrap_consumed_at),
        created_at: micros(install.created_at),
    });
}

/// The first administrator is made: once, over all replicas.
pub fn bootstrap_consume(unit: &mut Unit, now: Timestamp) {
    unit.change(
        of_install()
            .expect_null(install::Column::BootstrapConsumedAt)
            .set(install::Column::BootstrapConsumedAt, Some(micros(now))),
    );
}

/// The bootstrap door, used at `consumed`, may be used once more.
pub fn bootstrap_reopen(unit: &mut Unit, consumed: Timestamp) {
    unit.change(
        of_install()
            .expect(install::Column::BootstrapConsumedAt, Some(micros(consumed)))
            .set(install::Column::BootstrapConsumedAt, None::<i64>),
    );
}

/// The installation goes over to another key encryption key.
pub fn install_rekey(unit: &mut Unit, before: &Install, after: &Install) {
    unit.change(
        of_install()
            .expect(install::Column::KekId, before.kek_id.as_str())
            .set(install::Column::KekId, after.kek_id.as_str())
            .set(install::Column::KekSalt, after.kek_salt.clone())
            .set(install::Column::Canary, after.canary.clone()),
    );
}

/// All data keys, newest first: the first one that is not retired seals.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn data_keys(db: &Db) -> Result<Vec<DataKey>, DbError> {
    let rows = data_keys::Entity::find()
        .order_by_desc(data_keys::Column::CreatedAt)
        .order_by_desc(data_keys::Column::Id)
        .all(db.read())
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DataKey {
                id: id("data_keys", "id", &row.id, DataKeyId::parse)?,
                wrapped: row.wrapped,
                kek_id: row.kek_id,
                created_at: time(row.created_at),
                retired_at: time_opt(row.retired_at),
            })
        })
        .collect()
}

/// Adds a data key.
pub fn data_key_insert(unit: &mut Unit, key: &DataKey) {
    unit.insert(&data_keys::Model {
        id: key.id.to_string(),
        wrapped: key.wrapped.clone(),
        kek_id: key.kek_id.clone(),
        created_at: micros(key.created_at),
        retired_at: micros_opt(key.retired_at),
    });
}

/// The data key seals nothing any more.
pub fn data_key_retire(unit: &mut Unit, id: &DataKeyId, now: Timestamp) {
    unit.change(
        of_data_key(id).expect_null(data_keys::Column::RetiredAt).set(data_keys::Column::RetiredAt, Some(micros(now))),
    );
}

/// The data key is wrapped by another key encryption key.
pub fn data_key_rewrap(unit: &mut Unit, before: &DataKey, wrapped: &[u8], kek_id: &str) {
    unit.change(
        of_data_key(&before.id)
            .expect(data_keys::Column::KekId, before.kek_id.as_str())
            .set(data_keys::Column::Wrapped, wrapped.to_vec())
            .set(data_keys::Column::KekId, kek_id),
    );
}

fn of_install() -> Change {
    Change::of::<install::Entity>("installation", ONLY).key(install::Column::Id, ONLY)
}

fn of_data_key(id: &DataKeyId) -> Change {
    Change::of::<data_keys::Entity>("data key", id).key(data_keys::Column::Id, id.as_str())
}

/// Id of the one row.
const ONLY: i64 = 1;
