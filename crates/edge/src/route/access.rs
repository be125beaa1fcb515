//! Who may use a route, as part of the route's type. A route begins as [`Undeclared`]; only a declared one can be served.

use certctl_domain::permission::Permission;

/// The rule of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without a credential.
    Public,
    /// Every caller with a credential, but agents.
    Authenticated,
    /// Callers that hold the permission, but agents.
    Perm(Permission),
    /// The agent whose id stands in the path, by its own credential.
    Agent(Permission),
    /// An agent for its own job, and other callers that hold the permission.
    AgentOrPerm(Permission),
}

impl Access {
    /// The permission asked for.
    #[must_use]
    pub fn permission(self) -> Option<Permission> {
        match self {
            Self::Public | Self::Authenticated => None,
            Self::Perm(permission) | Self::Agent(permission) | Self::AgentOrPerm(permission) => Some(permission),
        }
    }

    /// Whether an agent's own credential may open the route.
    #[must_use]
    pub fn admits_agents(self) -> bool {
        match self {
            Self::Agent(_) | Self::AgentOrPerm(_) => true,
            Self::Public | Self::Authenticated | Self::Perm(_) => false,
        }
    }

    /// The rule as the reference page writes it.
    #[must_use]
    pub fn as_text(self) -> String {
        match self {
            Self::Public => "public".to_owned(),
            Self::Authenticated => "authenticated".to_owned(),
            Self::Perm(permission) => permission.to_string(),
            Self::Agent(permission) => format!("own agent, {permission}"),
            Self::AgentOrPerm(permission) => format!("own agent, or {permission}"),
        }
    }
}

/// The type of a route whose rule was not declared yet.
#[derive(Debug, Clone, Copy)]
pub struct Undeclared;

/// The type of a route that everybody may use.
#[derive(Debug, Clone, Copy)]
pub struct Public;

/// The type of a route for callers with a credential.
#[derive(Debug, Clone, Copy)]
pub struct Authenticated;

/// The type of a route that asks for a permission.
#[derive(Debug, Clone, Copy)]
pub struct Perm(pub(crate) Permission);

/// The type of a route for the agent named in its path.
#[derive(Debug, Clone, Copy)]
pub struct OwnAgent(pub(crate) Permission);

/// The type of a route for an agent and its job, or a permission.
#[derive(Debug, Clone, Copy)]
pub struct AgentOrPerm(pub(crate) Permission);

mod sealed {
    pub trait Sealed {}
}

/// A declared rule.
#[diagnostic::on_unimplemented(
    message = "this route declares no access rule",
    label = "add `.public()`, `.authenticated()`, `.perm(..)`, `.agent(..)` or `.agent_or_perm(..)`"
)]
pub trait Declared: sealed::Sealed {
    /// The rule.
    fn access(&self) -> Access;
}

macro_rules! declared {
    ($($name:ident, $this:ident => $access:expr;)*) => {$(
        impl sealed::Sealed for $name {}
        impl Declared for $name {
            fn access(&self) -> Access {
                let $this = self;
                $access
            }
        }
    )*};
}

declared! {
    Public, _this => Access::Public;
    Authenticated, _this => Access::Authenticated;
    Perm, this => Access::Perm(this.0);
    OwnAgent, this => Access::Agent(this.0);
    AgentOrPerm, this => Access::AgentOrPerm(this.0);
}
