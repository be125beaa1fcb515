//! Audit events: what happened and who did it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

words! {
    /// What sort of actor it is.
    ActorType {
        /// A person who logged in.
        User = "User",
        /// The product itself.
        System = "System",
        /// An agent.
        Agent = "Agent",
        /// An API key.
        ApiKey = "APIKey",
        /// Nobody known.
        Anonymous = "Anonymous",
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEvent {
    /// Its id.
    pub id: String,
    /// Who did it.
    pub actor: String,
    /// What sort of actor it is.
    pub actor_type: ActorType,
    /// What was done, such as `certificate_created`.
    pub action: String,
    /// What sort of thing it was done to.
    pub resource_type: String,
    /// Which one.
    pub resource_id: String,
    /// All that is needed to do it again.
    #[serde(default)]
    pub details: Value,
    /// When.
    pub timestamp: String,
    /// `cert_lifecycle`, `auth`, `config`, `approval` or `access`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_category: Option<String>,
    /// Place in the log, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The credential that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
}
