//! API keys over their life: made, listed, rotated, revoked. Nobody gives a key what it does not hold itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use certctl_db::{DbError, Unit};
use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{GrantId, KeyId, OwnerId, RoleId};
use certctl_domain::permission::{Permission, Role};
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_pki::Timestamp;
use certctl_store::keys::{ApiKey, KeySource};
use certctl_store::roles::Grant;
use secrecy::SecretString;

use super::Auth;
use super::roles::{Removal, role_of};
use super::secret::NewSecret;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// What a caller says of a new key.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Its name, which is the actor's.
    pub name: String,
    /// Roles it shall hold.
    pub role_ids: Vec<String>,
    /// When it ends, RFC 3339.
    pub expires_at: Option<String>,
    /// The person behind it; that of the caller where none is named.
    pub owner_id: Option<String>,
}

/// A key as it is shown; with its value just after it was made.
#[derive(Debug)]
pub struct KeyView {
    /// The record.
    pub key: ApiKey,
    /// Roles its actor holds.
    pub role_ids: Vec<String>,
}

/// A key that was just made.
#[derive(Debug)]
pub struct MadeKey {
    /// As it is shown.
    pub view: KeyView,
    /// The key, shown here and never again.
    pub value: SecretString,
}

/// A rotation.
#[derive(Debug)]
pub struct RotatedKey {
    /// The successor.
    pub made: MadeKey,
    /// Until when the former value works.
    pub previous_valid_until: Timestamp,
}

/// Who holds which roles, with the keys they use.
#[derive(Debug, Default)]
pub struct KeyList {
    /// Keys that are not revoked.
    pub keys: Vec<KeyView>,
    /// Actors that hold roles and have no key.
    pub others: Vec<(Actor, Vec<String>)>,
}

impl Auth {
    /// Makes a key.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Refused`] with every field at fault; [`Error::Forbidden`] when a role holds more than the
    /// caller; [`Error::Conflict`] when the name is in use.
    pub async fn api_key_create(&self, caller: &Caller, new: &NewKey) -> Result<MadeKey> {
        caller.require(Permission::AuthKeyCreate)?;
        let app = self.app();
        let now = app.now();
        let mut refusals = Refusals::new();
        check_key_name(&new.name, &mut refusals);
        let roles = parse_roles(&new.role_ids, &mut refusals);
        let expires_at = parse_expiry(new.expires_at.as_deref(), now, &mut refusals);
        let owner_id = self.owner_checked(new.owner_id.as_deref(), &mut refusals).await?;
        refusals.into_result()?;
        for role in &roles {
            require_no_escalation(caller, *role)?;
        }
        let actor = Actor { id: new.name.clone(), kind: ActorType::ApiKey };
        let taken =
            || Error::conflict("name_taken", format!("a key is named {}; choose another name, or rotate it", new.name));
        let same = certctl_store::keys::named(app.db(), &new.name).await?;
        if same.iter().any(|key| key.is_live(now)) {
            return Err(taken());
        }
        let secret = NewSecret::generate(app, "cck");
        let key = ApiKey {
            id: KeyId::new(app.ids().ulid()),
            name: new.name.clone(),
            key_hash: secret.digest.to_hex(),
            source: KeySource::Database,
            person: owner_id.as_ref().map_or_else(|| caller.person.clone(), |owner| Person(owner.to_string())),
            owner_id,
            created_by: caller.actor.id.clone(),
            created_at: now,
            expires_at,
            last_used_at: None,
            revoked_at: None,
            rotated_to: None,
        };
        let mut unit = Unit::new();
        certctl_store::keys::insert_named(&mut unit, &key, now);
        // What the name held while it last had a key ended with that key.
        certctl_store::roles::grants_clear(&mut unit, &actor);
        for role in &roles {
            certctl_store::roles::grant_insert(&mut unit, &grant(self, caller, &actor, *role, None));
        }
        let role_ids: Vec<String> = roles.iter().map(|role| role.id().to_owned()).collect();
        let event = Event::new(Action::KeyCreated, &key.id)
            .with("name", key.name.as_str())
            .with("role_ids", role_ids.clone())
            .with("person", key.person.0.as_str())
            .with_some("expires_at", expires_at.map(|at| at.to_rfc3339()));
        app.audit(&mut unit, caller, event);
        match app.db().commit(unit).await {
            Ok(()) => {}
            // Somebody else made a key of this name at the same moment.
            Err(DbError::Moved { .. }) => return Err(taken()),
            Err(error) => return Err(error.into()),
        }
        self.forget();
        Ok(MadeKey { view: KeyView { key, role_ids }, value: secret.value })
    }

    /// Every key that is not revoked, and every actor that holds roles without one.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub async fn api_key_list(&self, caller: &Caller) -> Result<KeyList> {
        caller.require(Permission::AuthKeyList)?;
        let db = self.app().db();
        let mut roles: BTreeMap<(String, &'static str), (Actor, Vec<String>)> = BTreeMap::new();
        for grant in certctl_store::roles::grants(db, self.app().now()).await? {
            let entry = roles.entry((grant.actor.id.clone(), grant.actor.kind.as_str()));
            entry.or_insert_with(|| (grant.actor.clone(), Vec::new())).1.push(grant.role_id.to_string());
        }
        let keys = certctl_store::keys::all(db).await?.into_iter().filter(|key| key.revoked_at.is_none());
        let of = |name: &str| roles.get(&(name.to_owned(), ActorType::ApiKey.as_str())).map(|(_, ids)| ids.clone());
        let keys: Vec<KeyView> = keys.map(|key| KeyView { role_ids: of(&key.name).unwrap_or_default(), key }).collect();
        let named: BTreeSet<&str> = keys.iter().map(|view| view.key.name.as_str()).collect();
        let keyless = |actor: &Actor| actor.kind != ActorType::ApiKey || !named.contains(actor.id.as_str());
        let others = roles.values().filter(|(actor, _)| keyless(actor)).cloned().collect();
        Ok(KeyList { keys, others })
    }

    /// Replaces the value of a key; the former one works for `overlap` more. A caller may always rotate the key it uses.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Missing`]; [`Error::Refused`] for a too long overlap; [`Error::Forbidden`] when the key can do
    /// more than the caller; [`Error::Conflict`] when it is revoked, rotated already, or of the environment.
    pub async fn api_key_rotate(&self, caller: &Caller, id: &KeyId, overlap: Option<Duration>) -> Result<RotatedKey> {
        let own = caller.origin.credential_id.as_deref() == Some(id.as_str());
        if !own {
            caller.require(Permission::AuthKeyRotate)?;
        }
        let overlap = overlap.unwrap_or(OVERLAP_DEFAULT);
        if overlap > OVERLAP_MAX {
            return Err(Error::invalid("overlap_seconds", format!("is at most {} (7 days)", OVERLAP_MAX.as_secs())));
        }
        let app = self.app();
        let now = app.now();
        let old = self.api_key(id).await?;
        refuse_env(&old)?;
        if old.rotated_to.is_some() || !old.is_live(now) {
            return Err(Error::conflict(
                "key_not_live",
                format!("key {id} is revoked, over or rotated already; rotate its successor"),
            ));
        }
        let actor = Actor { id: old.name.clone(), kind: ActorType::ApiKey };
        let roles = self.roles_of(&actor).await?;
        if !own {
            for role in &roles {
                require_no_escalation(caller, *role)?;
            }
        }
        let until = old.expires_at.map_or(now + overlap, |end| end.min(now + overlap));
        let secret = NewSecret::generate(app, "cck");
        let key = ApiKey {
            id: KeyId::new(app.ids().ulid()),
            key_hash: secret.digest.to_hex(),
            source: KeySource::Database,
            created_by: caller.actor.id.clone(),
            created_at: now,
            last_used_at: None,
            ..old.clone()
        };
        let mut unit = Unit::new();
        certctl_store::keys::insert(&mut unit, &key);
        certctl_store::keys::rotate(&mut unit, &old.id, &key.id, until);
        let event = Event::new(Action::KeyRotated, &old.id)
            .with("name", old.name.as_str())
            .with("successor", key.id.as_str())
            .with("previous_valid_until", until.to_rfc3339());
        app.audit(&mut unit, caller, event);
        match app.db().commit(unit).await {
            Ok(()) => {}
            Err(DbError::Moved { .. }) => {
                return Err(Error::conflict("key_not_live", format!("key {id} was revoked or rotated meanwhile")));
            }
            Err(error) => return Err(error.into()),
        }
        self.forget();
        let role_ids = roles.iter().map(|role| role.id().to_owned()).collect();
        let made = MadeKey { view: KeyView { key, role_ids }, value: secret.value };
        Ok(RotatedKey { made, previous_valid_until: until })
    }

    /// Revokes a key at once, on every replica. With the last key of its name the name's roles go too.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Missing`]; [`Error::Conflict`] when it is of the environment, or the last administrator's.
    pub async fn api_key_delete(&self, caller: &Caller, id: &KeyId) -> Result<()> {
        caller.require(Permission::AuthKeyDelete)?;
        let app = self.app();
        let now = app.now();
        let key = self.api_key(id).await?;
        refuse_env(&key)?;
        if key.revoked_at.is_some() {
            return Err(Error::missing("API key", id));
        }
        let actor = Actor { id: key.name.clone(), kind: ActorType::ApiKey };
        let removal = Removal { actor: &actor, key: Some(&key.id) };
        // A key that is over opens nothing: nobody goes with it.
        let leaving = key.is_live(now) && self.require_another_admin(&removal).await?;
        let mut unit = Unit::new();
        let take = |unit: &mut Unit| {
            certctl_store::keys::revoke(unit, &key.id, now);
            certctl_store::roles::grants_end(unit, &actor, now);
        };
        if leaving {
            certctl_store::roles::keep_administrator(&mut unit, take)
        } else {
            take(&mut unit)
        }
        app.audit(&mut unit, caller, Event::new(Action::KeyDeleted, &key.id).with("name", key.name.as_str()));
        self.commit_removal(unit, leaving.then_some(&removal)).await
    }

    async fn api_key(&self, id: &KeyId) -> Result<ApiKey> {
        certctl_store::keys::get(self.app().db(), id).await?.ok_or_else(|| Error::missing("API key", id))
    }

    async fn owner_checked(&self, text: Option<&str>, refusals: &mut Refusals) -> Result<Option<OwnerId>> {
        let Some(text) = text else { return Ok(None) };
        let found = match OwnerId::parse(text) {
            Ok(id) => certctl_store::owners::get(self.app().db(), &id).await?.map(|_| id),
            Err(_) => None,
        };
        if found.is_none() {
            refusals.push(Refusal::invalid("owner_id", format!("owner {text:?} does not exist; create it first")));
        }
        Ok(found)
    }
}

/// The record of a role given to an actor now.
pub(super) fn grant(auth: &Auth, caller: &Caller, actor: &Actor, role: Role, expires_at: Option<Timestamp>) -> Grant {
    Grant {
        id: GrantId::new(auth.app().ids().ulid()),
        actor: actor.clone(),
        role_id: RoleId::fixed(role.id()),
        granted_by: caller.actor.id.clone(),
        granted_at: auth.app().now(),
        expires_at,
    }
}

/// Nobody gives what it lacks.
pub(super) fn require_no_escalation(caller: &Caller, role: Role) -> Result<()> {
    match role.permissions().find(|permission| !caller.holds(*permission)) {
        None => Ok(()),
        Some(lacking) => Err(Error::Forbidden {
            code: "escalation",
            message: format!("role {} permits {lacking}, which you do not hold; ask somebody who does", role.id()),
        }),
    }
}

/// A time in the future, RFC 3339.
pub(super) fn parse_expiry(text: Option<&str>, now: Timestamp, refusals: &mut Refusals) -> Option<Timestamp> {
    match Timestamp::parse_rfc3339(text?) {
        Ok(at) if at > now => Some(at),
        Ok(_) => {
            refusals.push(Refusal::invalid("expires_at", "is not in the future"));
            None
        }
        Err(_) => {
            refusals.push(Refusal::invalid("expires_at", "is an RFC 3339 time such as 2027-01-31T12:00:00Z"));
            None
        }
    }
}

fn parse_roles(ids: &[String], refusals: &mut Refusals) -> Vec<Role> {
    if ids.is_empty() {
        refusals.push(Refusal::invalid("role_ids", "names at least one role; GET /api/v1/auth/roles lists them"));
    }
    let mut roles = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        match role_of(id) {
            Ok(role) if roles.contains(&role) => {}
            Ok(role) => roles.push(role),
            Err(message) => refusals.push(Refusal::invalid(format!("role_ids[{index}]"), message)),
        }
    }
    roles
}

fn check_key_name(name: &str, refusals: &mut Refusals) {
    let charset = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() {
        refusals.push(Refusal::invalid("name", "is required"));
    } else if name.len() > NAME_MAX || !name.bytes().all(charset) {
        refusals.push(Refusal::invalid("name", format!("has 1 to {NAME_MAX} characters of A-Z a-z 0-9 _ -")));
    } else if RESERVED.contains(&name) || name.starts_with("legacy-key-") {
        refusals.push(Refusal::denied("name", "is reserved; choose another name"));
    }
}

fn refuse_env(key: &ApiKey) -> Result<()> {
    match key.source {
        KeySource::Env => {
            let message = format!("key {} is of the environment; change CERTCTL_API_KEYS_NAMED and restart", key.name);
            Err(Error::conflict("key_of_environment", message))
        }
        KeySource::Database | KeySource::Bootstrap => Ok(()),
    }
}

const NAME_MAX: usize = 64;
const RESERVED: [&str; 4] = [certctl_store::roles::DEMO_ACTOR, "bootstrap-token", "anonymous", "system"];
const OVERLAP_DEFAULT: Duration = Duration::from_secs(24 * 3600);
const OVERLAP_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
