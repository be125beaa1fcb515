//! Secrets at rest: envelope encryption. Each secret is sealed with a data key to the place it is stored at; data keys are kept
//! wrapped by a key that the operator holds and the database never sees.
//!
//! Blob: `0x04 ‖ length of data key id ‖ data key id ‖ nonce(12) ‖ ciphertext ‖ tag(16)`, AES-256-GCM, with table, column, row and
//! tenant as associated data, so that a sealed value moved to another row opens for nobody.
//!
//! The operator's key is used through HKDF when it decodes to 32 bytes of hexadecimal or base64. Anything else of at least 32
//! bytes is a passphrase and costs [`ROUNDS`] rounds of PBKDF2-HMAC-SHA256 once per start, with a salt of the installation's own:
//! the memory-hard Argon2id is in no cryptographic library that this program may call.

mod kek;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use certctl_db::{Db, DbError, Unit};
use certctl_domain::ids::DataKeyId;
use certctl_pki::Timestamp;
use certctl_store::sealing::{DataKey, Install};
use secrecy::SecretString;
use ulid::Ulid;
use zeroize::Zeroizing;

pub use kek::ROUNDS;
use kek::{Kek, Material};
use keys::{Keys, place};

use crate::error::{Error, Result};
use crate::world::{Randomness, Seal, SystemRandomness};

/// Why secrets cannot be sealed and opened.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// Too short to be a key or a passphrase.
    #[error("the encryption key has fewer than 32 bytes; make one with: openssl rand -base64 32")]
    TooShort,
    /// The database was sealed with another key.
    #[error(
        "the encryption key is not the one this database was sealed with (it has id {expected}, this one {given}); restore the former key"
    )]
    WrongKey {
        /// Id of the key that the database was sealed with.
        expected: String,
        /// Id of the key given.
        given: String,
    },
    /// The key is right and what it sealed does not open.
    #[error("{what} does not open with the right key: the database was altered; restore it from a backup")]
    Altered {
        /// What.
        what: String,
    },
    /// The database did not do its part.
    #[error("the sealing keys cannot be read or written")]
    Database(#[from] DbError),
}

/// Seals and opens. Cheap to clone; clones see keys that another replica has added once one of them has looked ([`Sealer::refresh`]).
#[derive(Clone)]
pub struct Sealer {
    inner: Arc<Inner>,
}

struct Inner {
    kek: Kek,
    keys: ArcSwap<Keys>,
    randomness: Arc<dyn Randomness>,
}

/// Opens the installation's keys with the operator's, or begins the installation; then proves with a known text that the key is
/// the right one. A data key older than 90 days gets a successor.
///
/// # Errors
/// [`SealingError`].
pub async fn open(db: &Db, encryption_key: &SecretString, now: Timestamp) -> std::result::Result<Sealer, SealingError> {
    open_with(db, encryption_key, now, Arc::new(SystemRandomness)).await
}

/// As [`open`], with randomness from elsewhere.
///
/// # Errors
/// [`SealingError`].
pub async fn open_with(
    db: &Db,
    encryption_key: &SecretString,
    now: Timestamp,
    randomness: Arc<dyn Randomness>,
) -> std::result::Result<Sealer, SealingError> {
    let material = Material::read(encryption_key).ok_or(SealingError::TooShort)?;
    let install = match certctl_store::sealing::install(db).await? {
        Some(install) => install,
        None => begin(db, &material, now, randomness.as_ref()).await?,
    };
    let kek = material.derive(&install.kek_salt);
    if kek.id() != install.kek_id {
        return Err(SealingError::WrongKey { expected: install.kek_id, given: kek.id().to_owned() });
    }
    let canary = kek.unwrap(CANARY_PLACE, &install.canary);
    if canary.is_none_or(|text| text.as_slice() != CANARY) {
        return Err(SealingError::Altered { what: "the canary".to_owned() });
    }
    let keys = load(db, &kek, now).await?;
    let sealer = Sealer { inner: Arc::new(Inner { kek, keys: ArcSwap::from_pointee(keys), randomness }) };
    sealer.renew(db, now).await?;
    Ok(sealer)
}

/// Writes installation, canary and first data key in one unit; of two replicas one wins and the other reads.
async fn begin(
    db: &Db,
    material: &Material,
    now: Timestamp,
    randomness: &dyn Randomness,
) -> std::result::Result<Install, SealingError> {
    let mut salt = [0; 32];
    randomness.fill(&mut salt);
    let kek = material.derive(&salt);
    let install = Install {
        kek_id: kek.id().to_owned(),
        kek_salt: salt.to_vec(),
        canary: kek.wrap(CANARY_PLACE, CANARY, randomness),
        bootstrap_consumed_at: None,
        created_at: now,
    };
    let mut unit = Unit::new();
    certctl_store::sealing::install_insert(&mut unit, &install);
    certctl_store::sealing::data_key_insert(&mut unit, &fresh_key(&kek, now, randomness));
    match db.commit(unit).await {
        Ok(()) => Ok(install),
        Err(error) => certctl_store::sealing::install(db).await?.ok_or(SealingError::Database(error)),
    }
}

fn fresh_key(kek: &Kek, now: Timestamp, randomness: &dyn Randomness) -> DataKey {
    let (mut key, mut random) = (Zeroizing::new([0; 32]), [0; 16]);
    randomness.fill(key.as_mut());
    randomness.fill(&mut random);
    let millis = u64::try_from(now.unix_micros() / 1000).unwrap_or_default();
    let id = DataKeyId::new(Ulid::from_parts(millis, u128::from_be_bytes(random)));
    let wrapped = kek.wrap(&key_place(&id), key.as_ref(), randomness);
    DataKey { id, wrapped, kek_id: kek.id().to_owned(), created_at: now, retired_at: None }
}

async fn load(db: &Db, kek: &Kek, now: Timestamp) -> std::result::Result<Keys, SealingError> {
    let mut opened = Vec::new();
    for row in certctl_store::sealing::data_keys(db).await? {
        let key = kek.unwrap(&key_place(&row.id), &row.wrapped);
        let key = key.ok_or_else(|| SealingError::Altered { what: format!("data key {}", row.id) })?;
        opened.push((row, key));
    }
    Keys::new(opened, now - SETTLED_AFTER).ok_or_else(|| SealingError::Altered { what: "every data key".to_owned() })
}

impl Sealer {
    /// Looks for keys that another replica has added.
    ///
    /// # Errors
    /// [`SealingError`].
    pub async fn refresh(&self, db: &Db, now: Timestamp) -> std::result::Result<(), SealingError> {
        self.inner.keys.store(Arc::new(load(db, &self.inner.kek, now).await?));
        Ok(())
    }

    /// Adds a successor to a data key that is old; it seals once every replica has had the time to hear of it.
    async fn renew(&self, db: &Db, now: Timestamp) -> std::result::Result<(), SealingError> {
        let newest = self.inner.keys.load().newest_at();
        if newest + KEY_LIFE > now {
            return Ok(());
        }
        let mut unit = Unit::new();
        certctl_store::sealing::data_key_insert(
            &mut unit,
            &fresh_key(&self.inner.kek, now, self.inner.randomness.as_ref()),
        );
        db.commit(unit).await?;
        self.refresh(db, now).await
    }
}

impl Seal for Sealer {
    fn seal(&self, table: &str, column: &str, row: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; 12];
        self.inner.randomness.fill(&mut nonce);
        let sealed = self.inner.keys.load().seal(&place(table, column, row), nonce, plain);
        sealed.ok_or_else(|| Error::internal("a secret could not be sealed"))
    }

    fn open(&self, table: &str, column: &str, row: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let opened = self.inner.keys.load().open(&place(table, column, row), sealed);
        opened.ok_or_else(|| {
            Error::internal(format!(
                "{table}.{column} of {row} does not open: sealed elsewhere, altered, or its data key is gone"
            ))
        })
    }
}

fn key_place(id: &DataKeyId) -> Vec<u8> {
    place("data_keys", "wrapped", id.as_str())
}

const CANARY: &[u8] = b"certctl canary v1";
const CANARY_PLACE: &[u8] = b"install.canary";
const KEY_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// A data key seals only once it is this old: until then some replica may not have it.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
