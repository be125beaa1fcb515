//! Who calls a use case, with what rights and from where. Doors make it; use cases ask it before they act.

use std::collections::BTreeSet;

use certctl_domain::actor::{Actor, ActorType, Person};
use certctl_domain::audit::{AuditRecord, Event, Origin};
use certctl_domain::ids::{AgentId, EventId};
use certctl_domain::permission::{Permission, Role};

use crate::error::{Error, Result};
use crate::world::App;

/// An authenticated caller. A use case that changes or shows something asks [`Caller::require`] first.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who acts.
    pub actor: Actor,
    /// The human being behind the actor.
    pub person: Person,
    /// Roles held now.
    pub roles: Vec<Role>,
    permissions: BTreeSet<Permission>,
    /// The agent, when an agent's credential was used. Such a caller is admitted to agent routes only.
    pub agent_id: Option<AgentId>,
    /// Where the request came from.
    pub origin: Origin,
}

impl Caller {
    /// A caller with the union of the permissions of its roles.
    #[must_use]
    pub fn new(actor: Actor, person: Person, roles: Vec<Role>, origin: Origin) -> Self {
        let permissions = roles.iter().flat_map(|role| role.permissions()).collect();
        Self { actor, person, roles, permissions, agent_id: None, origin }
    }

    /// An agent, known by its own credential.
    #[must_use]
    pub fn agent(id: AgentId, origin: Origin) -> Self {
        let actor = Actor { id: id.to_string(), kind: ActorType::Agent };
        Self { agent_id: Some(id), ..Self::new(actor, Person::none(), vec![Role::Agent], origin) }
    }

    /// The product itself. Not reachable from a request: doors have no way to name it.
    #[must_use]
    pub fn system(part: &str) -> Self {
        Self::new(Actor::system(part), Person::none(), vec![Role::Admin], Origin::default())
    }

    /// Whether the caller holds a permission.
    #[must_use]
    pub fn holds(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Everything the caller may do.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.permissions.iter().copied()
    }

    /// Admits the caller, or not.
    ///
    /// # Errors
    /// [`Error::Denied`] naming the permission.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.holds(permission) { Ok(()) } else { Err(Error::Denied(permission)) }
    }

    /// The agent behind the caller.
    ///
    /// # Errors
    /// [`Error::AgentOnly`] when the credential is not an agent's.
    pub fn require_agent(&self) -> Result<&AgentId> {
        self.agent_id.as_ref().ok_or(Error::AgentOnly)
    }

    /// The audit record of what this caller did now.
    #[must_use]
    pub fn record(&self, app: &App, event: Event) -> AuditRecord {
        AuditRecord {
            id: EventId::new(app.ids().ulid()),
            occurred_at: app.now(),
            actor: self.actor.clone(),
            origin: self.origin.clone(),
            event,
        }
    }
}
