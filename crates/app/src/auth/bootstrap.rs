//! How the first administrator comes in: whoever holds the token of this installation makes one key, once, over all replicas.

use certctl_db::{DbError, Unit};
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::{Action, Event, Origin};
use certctl_domain::ids::{GrantId, KeyId, RoleId};
use certctl_domain::permission::Role;
use certctl_pki::Timestamp;
use certctl_store::keys::{ApiKey, KeySource};
use certctl_store::roles::Grant;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::Auth;
use super::authenticate::unauthenticated;
use super::secret::NewSecret;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// The first administrator's key.
#[derive(Debug)]
pub struct FirstKey {
    /// Its actor.
    pub name: String,
    /// Its id.
    pub id: KeyId,
    /// The key, shown here and never again.
    pub value: SecretString,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Auth {
    /// Whether the door is open: there is a token, it was not used, and nobody is an administrator.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bootstrap_available(&self) -> Result<bool> {
        if self.inner.bootstrap_token.get().is_none() {
            return Ok(false);
        }
        let db = self.app().db();
        let consumed =
            certctl_store::sealing::install(db).await?.is_none_or(|install| install.bootstrap_consumed_at.is_some());
        Ok(!consumed && !certctl_store::roles::administrator_exists(db, self.app().now()).await?)
    }

    /// Makes the first administrator.
    ///
    /// # Errors
    /// [`Error::Gone`] when the door is closed; [`Error::Unauthenticated`] for a wrong token; [`Error::Refused`] for a bad name.
    pub async fn bootstrap(&self, origin: Origin, token: &str, name: &str) -> Result<FirstKey> {
        let name = name.trim();
        if !self.bootstrap_available().await? {
            return Err(closed());
        }
        let caller = Caller::new(
            Actor { id: "bootstrap-token".to_owned(), kind: ActorType::System },
            Person::none(),
            Vec::new(),
            origin,
        );
        let expected =
            self.inner.bootstrap_token.get().map(|token| token.expose_secret().as_bytes()).unwrap_or_default();
        if expected.is_empty() || !bool::from(expected.ct_eq(token.as_bytes())) {
            let mut unit = Unit::new();
            let event = Event::new(Action::BootstrapFailed, "bootstrap").with("reason", "wrong_token");
            self.app().audit(&mut unit, &caller, event);
            self.app().commit(unit).await?;
            return Err(unauthenticated(
                "invalid_bootstrap_token",
                "the bootstrap token is not right; it is in the server's data directory",
            ));
        }
        if !is_actor_name(name) {
            return Err(Error::invalid(
                "actor_name",
                "has 3 to 64 characters of a-z 0-9 _ -, and begins with a letter or digit",
            ));
        }
        let now = self.app().now();
        if certctl_store::keys::named(self.app().db(), name).await?.iter().any(|key| key.is_live(now)) {
            return Err(Error::conflict("name_taken", format!("a key is named {name}; choose another name")));
        }
        self.bootstrap_commit(&caller, name).await
    }

    /// Key, role, the mark that the token is used, and the event: one unit, guarded by the mark.
    async fn bootstrap_commit(&self, caller: &Caller, name: &str) -> Result<FirstKey> {
        let app = self.app();
        let now = app.now();
        let secret = NewSecret::generate(app, "cck");
        let key = ApiKey {
            id: KeyId::new(app.ids().ulid()),
            name: name.to_owned(),
            key_hash: secret.digest.to_hex(),
            source: KeySource::Bootstrap,
            person: Person(format!("bootstrap:{name}")),
            owner_id: None,
            created_by: caller.actor.id.clone(),
            created_at: now,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
            rotated_to: None,
        };
        let grant = Grant {
            id: GrantId::new(app.ids().ulid()),
            actor: Actor { id: name.to_owned(), kind: ActorType::ApiKey },
            role_id: RoleId::fixed(Role::Admin.id()),
            granted_by: caller.actor.id.clone(),
            granted_at: now,
            expires_at: None,
        };
        let mut unit = Unit::new();
        certctl_store::keys::insert_named(&mut unit, &key, now);
        // The name may be that of a former administrator, whose key is over.
        certctl_store::roles::grants_clear(&mut unit, &grant.actor);
        certctl_store::roles::grant_insert(&mut unit, &grant);
        certctl_store::sealing::bootstrap_consume(&mut unit, now);
        let event = Event::new(Action::BootstrapConsumed, &key.id).with("name", name).with("role_id", Role::Admin.id());
        app.audit(&mut unit, caller, event);
        match app.db().commit(unit).await {
            Ok(()) => {
                self.forget();
                Ok(FirstKey { name: key.name, id: key.id, value: secret.value, created_at: now })
            }
            // Another replica was first.
            Err(DbError::Moved { .. }) => Err(closed()),
            Err(error) => Err(error.into()),
        }
    }
}

fn closed() -> Error {
    let message =
        "the bootstrap door is closed: there is an administrator, or no token was set; ask an administrator for a key";
    Error::Gone { code: "bootstrap_closed", message: message.to_owned() }
}

/// `^[a-z0-9][a-z0-9_-]{2,63}$`
fn is_actor_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=64).contains(&name.len())
        && name.bytes().next().is_some_and(word)
        && name.bytes().all(|byte| word(byte) || matches!(byte, b'_' | b'-'))
}
