//! Roles: what they permit, and giving them to actors and taking them away.

use certctl_db::Unit;
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{KeyId, RoleId};
use certctl_domain::permission::{Permission, Role};
use certctl_domain::refusal::Refusals;
use certctl_pki::Timestamp;
use certctl_store::roles::{DEMO_ACTOR, Grant, keep_administrator};

use super::Auth;
use super::keys::{grant, parse_expiry, require_no_escalation};
use crate::caller::Caller;
use crate::error::{Error, Result};

impl Auth {
    /// The roles there are.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub fn role_list(&self, caller: &Caller) -> Result<Vec<Role>> {
        caller.require(Permission::AuthRoleList)?;
        Ok(Role::ALL.to_vec())
    }

    /// One role.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Missing`].
    pub fn role_get(&self, caller: &Caller, id: &RoleId) -> Result<Role> {
        caller.require(Permission::AuthRoleList)?;
        Role::parse(id.as_str()).ok_or_else(|| Error::missing("role", id))
    }

    /// Gives a role to the actor of a key name, or a later end to one that it holds.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Missing`] for an unknown name; [`Error::Refused`]; [`Error::Forbidden`] when the role holds
    /// more than the caller; [`Error::Conflict`] when the actor holds it for longer.
    pub async fn role_grant(&self, caller: &Caller, name: &str, role_id: &str, expires_at: Option<&str>) -> Result<()> {
        caller.require(Permission::AuthRoleAssign)?;
        let app = self.app();
        let actor = self.actor_named(name).await?;
        let role = role_of(role_id).map_err(|message| Error::invalid("role_id", message))?;
        let mut refusals = Refusals::new();
        let expires_at = parse_expiry(expires_at, app.now(), &mut refusals);
        refusals.into_result()?;
        require_no_escalation(caller, role)?;
        require_no_longer(
            &certctl_store::roles::grants_of(app.db(), &actor, app.now()).await?,
            name,
            role,
            expires_at,
        )?;
        let mut unit = Unit::new();
        certctl_store::roles::grant_insert(&mut unit, &grant(self, caller, &actor, role, expires_at));
        let event = Event::new(Action::RoleGranted, name)
            .with("role_id", role.id())
            .with_some("expires_at", expires_at.map(|at| at.to_rfc3339()));
        app.audit(&mut unit, caller, event);
        app.commit(unit).await?;
        self.forget();
        Ok(())
    }

    /// Takes a role from the actor of a key name; nothing happens where it does not hold it.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Missing`] for an unknown name or role; [`Error::Conflict`] for the last administrator.
    pub async fn role_revoke(&self, caller: &Caller, name: &str, role_id: &RoleId) -> Result<()> {
        caller.require(Permission::AuthRoleRevoke)?;
        let app = self.app();
        let actor = self.actor_named(name).await?;
        let role = Role::parse(role_id.as_str()).ok_or_else(|| Error::missing("role", role_id))?;
        let removal = Removal { actor: &actor, key: None };
        let leaving = role == Role::Admin && self.require_another_admin(&removal).await?;
        let mut unit = Unit::new();
        let take = |unit: &mut Unit| certctl_store::roles::grant_delete(unit, &actor, role_id);
        if leaving {
            keep_administrator(&mut unit, take)
        } else {
            take(&mut unit)
        }
        app.audit(&mut unit, caller, Event::new(Action::RoleRevoked, name).with("role_id", role.id()));
        self.commit_removal(unit, leaving.then_some(&removal)).await
    }

    /// Roles that an actor holds now.
    pub(super) async fn roles_of(&self, actor: &Actor) -> Result<Vec<Role>> {
        let grants = certctl_store::roles::grants_of(self.app().db(), actor, self.app().now()).await?;
        Ok(grants.iter().filter_map(|grant| Role::parse(grant.role_id.as_str())).collect())
    }

    /// A key of an administrator must remain that no clock ends: neither its role nor itself expires, and no successor takes
    /// its place. Says whether an administrator loses something: what takes it away is then declared with
    /// [`keep_administrator`], since the others may be about to go too.
    pub(super) async fn require_another_admin(&self, removal: &Removal<'_>) -> Result<bool> {
        let db = self.app().db();
        let grants = certctl_store::roles::grants_of(db, removal.actor, self.app().now()).await?;
        if !grants.iter().any(|grant| grant.role_id.as_str() == Role::Admin.id() && grant.expires_at.is_none()) {
            return Ok(false);
        }
        let lasting = certctl_store::roles::lasting_administrators(db).await?;
        if lasting.iter().any(|(name, key)| !removal.takes(name, key)) {
            return Ok(true);
        }
        let message = format!(
            "{} is the last administrator: nobody else has that role and a key without an end; make another one first",
            removal.actor.id
        );
        Err(Error::conflict("last_admin", message))
    }

    /// Commits what takes a role or key away; `administrator` is what an administrator loses, if one does.
    pub(super) async fn commit_removal(&self, unit: Unit, administrator: Option<&Removal<'_>>) -> Result<()> {
        match (self.app().commit(unit).await, administrator) {
            (Ok(()), _) => {
                self.forget();
                Ok(())
            }
            (Err(error @ Error::Conflict { .. }), Some(leaving)) => {
                // Another one may have gone at this moment, and then this one is the last.
                self.require_another_admin(leaving).await?;
                Err(error)
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn actor_named(&self, name: &str) -> Result<Actor> {
        if name == DEMO_ACTOR {
            return Err(Error::conflict("reserved_actor", format!("{name} is reserved")));
        }
        if certctl_store::keys::named(self.app().db(), name).await?.is_empty() {
            return Err(Error::missing("API key", name));
        }
        Ok(Actor { id: name.to_owned(), kind: ActorType::ApiKey })
    }
}

/// What is taken away: one key of an actor, or the role from all that it has.
pub(super) struct Removal<'a> {
    pub(super) actor: &'a Actor,
    pub(super) key: Option<&'a KeyId>,
}

impl Removal<'_> {
    fn takes(&self, name: &str, key: &KeyId) -> bool {
        self.key.map_or(self.actor.id == name, |gone| gone == key)
    }
}

/// The role of an id as clients write it.
pub(super) fn role_of(id: &str) -> std::result::Result<Role, String> {
    let known: Vec<&str> = Role::ALL.into_iter().map(Role::id).collect();
    Role::parse(id).ok_or_else(|| format!("role {id:?} does not exist; known are {}", known.join(", ")))
}

/// A grant is never shortened by another one.
fn require_no_longer(held: &[Grant], name: &str, role: Role, expires_at: Option<Timestamp>) -> Result<()> {
    let Some(expires_at) = expires_at else { return Ok(()) };
    let held = held.iter().find(|grant| grant.role_id.as_str() == role.id());
    let until = match held.map(|grant| grant.expires_at) {
        Some(None) => "without an end".to_owned(),
        Some(Some(end)) if end > expires_at => format!("until {}", end.to_rfc3339()),
        _ => return Ok(()),
    };
    let message = format!(
        "{name} holds {} {until}; revoke that first, then give it until {}",
        role.id(),
        expires_at.to_rfc3339()
    );
    Err(Error::Conflict { code: "granted_for_longer", message, details: Vec::new() })
}
