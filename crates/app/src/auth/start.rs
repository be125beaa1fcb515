//! What a start does about who may call: the catalogue of roles and permissions, the keys of the environment, the bootstrap
//! token. Safe at every start of every replica.

use std::collections::{BTreeMap, BTreeSet};

use certctl_db::{DbError, Unit};
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{GrantId, KeyId, RoleId};
use certctl_domain::permission::Role;
use certctl_store::keys::{ApiKey, KeySource};
use certctl_store::roles::Grant;
use secrecy::{ExposeSecret, SecretString};

use super::Auth;
use super::secret::KeyDigest;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// A key of the environment.
#[derive(Debug, Clone)]
pub struct EnvKey {
    /// The actor.
    pub name: String,
    /// The key itself.
    pub key: SecretString,
    /// Whether it is an administrator when it is first seen.
    pub admin: bool,
}

/// Code of the refusal of a start after which nobody could administer.
pub const NO_ADMINISTRATOR: &str = "no_administrator";
/// Replicas that start at the same moment take turns.
const TRIES: u32 = 8;

impl Auth {
    /// Brings the catalogue up to date, takes over the keys of the environment, and opens the bootstrap door if there is a token.
    /// A start that is refused has taken over nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`] `no_administrator` when no administrator could come in and nobody become one; [`Error::Conflict`] when
    /// the environment names a key that the database has already; [`Error::Unavailable`].
    pub async fn start(&self, keys: &[EnvKey], bootstrap_token: Option<SecretString>) -> Result<()> {
        let db = self.app().db();
        self.app().commit(certctl_store::roles::seed(db).await?).await?;
        let bootstrap_token = bootstrap_token.filter(|token| !token.expose_secret().is_empty());
        self.env_keys_take_over(keys, bootstrap_token.is_none()).await?;
        if let Some(token) = bootstrap_token {
            if certctl_store::roles::administrator_exists(db, self.app().now()).await? {
                tracing::warn!("a bootstrap token is set although there is an administrator; remove it");
            } else {
                self.bootstrap_reopen().await?;
            }
            // A second start in one process keeps the first token.
            let _ = self.inner.bootstrap_token.set(token);
        }
        self.forget();
        Ok(())
    }

    /// The token counts once more: whoever could come in with what it made the last time no longer can.
    async fn bootstrap_reopen(&self) -> Result<()> {
        let app = self.app();
        let install = certctl_store::sealing::install(app.db()).await?;
        let Some(consumed) = install.and_then(|install| install.bootstrap_consumed_at) else { return Ok(()) };
        let mut unit = Unit::new();
        certctl_store::sealing::bootstrap_reopen(&mut unit, consumed);
        let event =
            Event::new(Action::BootstrapReopened, "bootstrap").with("consumed_at", consumed.to_rfc3339().as_str());
        app.audit(&mut unit, &Caller::system("bootstrap"), event);
        // Another replica may be doing the same, or somebody has come in.
        if app.commit_or_moved(unit).await? {
            tracing::warn!(
                "no administrator has a key that works: the bootstrap token mints one once more; do it now, or remove the token"
            );
        }
        Ok(())
    }

    /// Takes the keys of the environment over in one unit. With `guarded` it is written only if an administrator can come in then.
    async fn env_keys_take_over(&self, keys: &[EnvKey], guarded: bool) -> Result<()> {
        let app = self.app();
        for _ in 0..TRIES {
            let changes = self.env_keys_unit(keys).await?;
            if changes.is_empty() {
                // Nothing to write, also where nothing can be written.
                let enters = !guarded || certctl_store::roles::administrator_exists(app.db(), app.now()).await?;
                return if enters { Ok(()) } else { Err(no_administrator()) };
            }
            let mut unit = Unit::new();
            let take = |unit: &mut Unit| {
                unit.append(changes);
            };
            if guarded {
                certctl_store::roles::require_administrator(&mut unit, app.now(), take);
            } else {
                take(&mut unit);
            }
            match app.db().commit(unit).await {
                Ok(()) => return Ok(()),
                Err(DbError::Moved { entity: certctl_store::roles::ADMINISTRATOR, .. }) => {
                    return Err(no_administrator());
                }
                // Another replica may be doing the same.
                Err(DbError::Moved { .. } | DbError::Unique { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Unavailable(DbError::Busy))
    }

    /// A name that has no live key begins with the role of its key and nothing else, whatever it held before; a further key of a
    /// name that lives gets none, so that a role taken from it stays taken. Keys that are no longer in the environment are
    /// revoked.
    async fn env_keys_unit(&self, keys: &[EnvKey]) -> Result<Unit> {
        let app = self.app();
        let stored = certctl_store::keys::all(app.db()).await?;
        let seen = certctl_store::keys::backfilled(app.db()).await?;
        let wanted: BTreeMap<String, &EnvKey> =
            keys.iter().map(|key| (KeyDigest::of(key.key.expose_secret()).to_hex(), key)).collect();
        let now = app.now();
        let system = Caller::system("environment");
        let mut begun = BTreeSet::new();
        let mut unit = Unit::new();
        for (hash, key) in &wanted {
            if let Some(known) = stored.iter().find(|known| known.key_hash == *hash) {
                if known.revoked_at.is_some() {
                    tracing::warn!(key = key.name, "the environment holds a key that was revoked; it opens nothing");
                }
                continue;
            }
            if stored.iter().any(|known| known.name == key.name && known.source != KeySource::Env && known.is_live(now))
            {
                let message =
                    format!("the environment names a key {} that exists in the database; rename it", key.name);
                return Err(Error::conflict("name_taken", message));
            }
            let row = ApiKey {
                id: KeyId::new(app.ids().ulid()),
                name: key.name.clone(),
                key_hash: hash.clone(),
                source: KeySource::Env,
                person: Person(format!("env:{}", key.name)),
                owner_id: None,
                created_by: system.actor.id.clone(),
                created_at: now,
                expires_at: None,
                last_used_at: None,
                revoked_at: None,
                rotated_to: None,
            };
            certctl_store::keys::insert(&mut unit, &row);
            let event = Event::new(Action::KeyCreated, &row.id).with("name", row.name.as_str()).with("source", "env");
            app.audit(&mut unit, &system, event);
            let lives = stored.iter().any(|known| known.name == key.name && known.is_live(now));
            if !lives && begun.insert(&key.name) {
                certctl_store::roles::grants_clear(&mut unit, &actor_of(key));
                self.env_key_grant(&mut unit, &system, key);
            } else if lives && !seen.contains(&key.name) {
                self.env_key_grant(&mut unit, &system, key);
            }
        }
        for gone in stored.iter().filter(|known| known.source == KeySource::Env && known.revoked_at.is_none()) {
            if !wanted.contains_key(&gone.key_hash) {
                certctl_store::keys::revoke(&mut unit, &gone.id, now);
                certctl_store::roles::grants_end(
                    &mut unit,
                    &Actor { id: gone.name.clone(), kind: ActorType::ApiKey },
                    now,
                );
                let event =
                    Event::new(Action::KeyDeleted, &gone.id).with("name", gone.name.as_str()).with("source", "env");
                app.audit(&mut unit, &system, event);
            }
        }
        Ok(unit)
    }

    fn env_key_grant(&self, unit: &mut Unit, system: &Caller, key: &EnvKey) {
        let app = self.app();
        let role = if key.admin { Role::Admin } else { Role::Viewer };
        let grant = Grant {
            id: GrantId::new(app.ids().ulid()),
            actor: actor_of(key),
            role_id: RoleId::fixed(role.id()),
            granted_by: "bootstrap".to_owned(),
            granted_at: app.now(),
            expires_at: None,
        };
        certctl_store::roles::grant_insert(unit, &grant);
        certctl_store::keys::backfill(unit, &key.name, app.now());
        let event = Event::new(Action::RoleGranted, &key.name).with("role_id", role.id()).with("source", "env");
        app.audit(unit, system, event);
    }
}

fn no_administrator() -> Error {
    let message = "no administrator has a key that works, and nobody could become one: set CERTCTL_BOOTSTRAP_TOKEN, or \
        name:key:admin with a key not used before in CERTCTL_API_KEYS_NAMED";
    Error::Forbidden { code: NO_ADMINISTRATOR, message: message.to_owned() }
}

fn actor_of(key: &EnvKey) -> Actor {
    Actor { id: key.name.clone(), kind: ActorType::ApiKey }
}
