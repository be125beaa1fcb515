//! Who calls a use case, with what rights and from where. Doors make it; use cases ask it before they act.

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
    permissions: Permissions,
    /// The agent, when an agent's credential was used. Such a caller is admitted to agent routes only.
    pub agent_id: Option<AgentId>,
    /// Where the request came from.
    pub origin: Origin,
}

impl Caller {
    /// A caller with the union of the permissions of its roles.
    #[must_use]
    pub fn new(actor: Actor, person: Person, roles: Vec<Role>, origin: Origin) -> Self {
        let permissions = Permissions::of(&roles);
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

    /// The same caller, in another request.
    pub(crate) fn at(&self, origin: Origin) -> Self {
        Self { origin, ..self.clone() }
    }

    /// Whether the caller holds a permission.
    #[must_use]
    pub fn holds(&self, permission: Permission) -> bool {
        self.permissions.holds(permission)
    }

    /// Everything the caller may do.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        let held = self.permissions;
        Permission::ALL.iter().copied().filter(move |permission| held.holds(*permission))
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

/// A set of permissions, one bit each: callers are copied with every request.
#[derive(Debug, Clone, Copy)]
struct Permissions(u128);

impl Permissions {
    fn of(roles: &[Role]) -> Self {
        Self(roles.iter().flat_map(|role| role.permissions()).fold(0, |set, permission| set | bit(permission)))
    }

    fn holds(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }
}

fn bit(permission: Permission) -> u128 {
    1 << (permission as u32)
}

const _: () = assert!(Permission::ALL.len() <= 128, "a permission is a bit of a u128");
