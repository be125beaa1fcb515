//! From the words of the use cases to those of the wire, where several resources share them.

use certctl_domain::actor::ActorType;
use certctl_pki::Timestamp;

/// RFC 3339.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.to_rfc3339()
}

/// RFC 3339, where there is one.
#[must_use]
pub fn time_opt(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_rfc3339())
}

/// The sort of an actor.
#[must_use]
pub fn actor_type(kind: ActorType) -> certctl_wire::ActorType {
    match kind {
        ActorType::User => certctl_wire::ActorType::User,
        ActorType::System => certctl_wire::ActorType::System,
        ActorType::Agent => certctl_wire::ActorType::Agent,
        ActorType::ApiKey => certctl_wire::ActorType::ApiKey,
        ActorType::Anonymous => certctl_wire::ActorType::Anonymous,
    }
}

/// The one tenant there is.
pub const TENANT: &str = "t-default";
