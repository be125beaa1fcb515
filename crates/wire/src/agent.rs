//! Agents: how they come in, who they are, how they leave.

use serde::{Deserialize, Serialize};

words! {
    /// Whether an agent was heard of lately.
    AgentStatus {
        /// It was.
        Online = "Online",
        /// It was not.
        Offline = "Offline",
        /// It was, and not all is well with it.
        Degraded = "Degraded",
    }
}

/// A program on a host that holds keys and installs certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Agent {
    /// Its id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Host name it reported.
    pub hostname: String,
    /// Whether it was heard of lately.
    pub status: AgentStatus,
    /// When it was last heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_heartbeat_at: Option<String>,
    /// When it was created.
    pub registered_at: String,
    /// Operating system it reported.
    #[serde(default)]
    pub os: String,
    /// Architecture it reported.
    #[serde(default)]
    pub architecture: String,
    /// Address it was last seen from.
    #[serde(default)]
    pub ip_address: String,
    /// Version it reported.
    #[serde(default)]
    pub version: String,
    /// When it was retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_reason: Option<String>,
    /// Counts its changes; the ETag is made of it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/agents`.
    AgentCreate {
        /// Unique name, at most 128 characters; required.
        name: String,
        /// Host name; required.
        hostname: String,
        /// Operating system.
        os: Option<String>,
        /// Architecture.
        architecture: Option<String>,
        /// Address.
        ip_address: Option<String>,
        /// Version.
        version: Option<String>,
    }
    ignored ["id", "status", "last_heartbeat_at", "registered_at", "retired_at", "retired_reason", "revision"]
}

/// Answer of `POST /api/v1/agents`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentCreated {
    /// The agent.
    #[serde(flatten)]
    pub agent: Agent,
    /// Lets the program take the place that was made for it; shown once.
    pub enrollment_token: String,
}

request! {
    /// Body of `POST /api/v1/agents/register`; the token travels in the header `X-Certctl-Agent-Bootstrap`.
    RegisterRequest {
        /// Unique name, at most 128 characters; required.
        name: String,
        /// Host name; required.
        hostname: String,
        /// Operating system.
        os: Option<String>,
        /// Architecture.
        architecture: Option<String>,
        /// Address.
        ip_address: Option<String>,
        /// Version.
        version: Option<String>,
        /// PKCS#10 request for the identity certificate, PEM; required.
        csr_pem: String,
    }
}

/// Answer of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegisterAnswer {
    /// The agent.
    pub agent: Agent,
    /// Its identity certificate.
    pub certificate_pem: String,
    /// What stands between that and the anchor.
    pub chain_pem: String,
    /// The anchor.
    pub ca_pem: String,
    /// The same actor where TLS ends at a proxy, and for renewing an expired identity; shown once.
    pub api_key: String,
}

request! {
    /// Body of `POST /api/v1/agents/{id}/identity`.
    IdentityRequest {
        /// PKCS#10 request for the next identity certificate, PEM; required.
        csr_pem: String,
    }
}

/// Answer of an identity renewal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdentityAnswer {
    /// The next identity certificate.
    pub certificate_pem: String,
    /// What stands between that and the anchor.
    pub chain_pem: String,
    /// The anchor.
    pub ca_pem: String,
}

request! {
    /// Body of `POST /api/v1/agents/{id}/heartbeat`; an absent or empty value keeps the stored one.
    Heartbeat {
        /// Version of the program.
        version: Option<String>,
        /// Host name.
        hostname: Option<String>,
        /// Operating system.
        os: Option<String>,
        /// Architecture.
        architecture: Option<String>,
        /// Address.
        ip_address: Option<String>,
    }
}

/// What depends on an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DependencyCounts {
    /// Targets it installs at.
    pub active_targets: u64,
    /// Certificates mapped to those.
    pub active_certificates: u64,
    /// Jobs it should do.
    pub pending_jobs: u64,
}

/// Answer of `DELETE /api/v1/agents/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetireAnswer {
    /// When it was retired.
    pub retired_at: String,
    /// Always false: an agent that was retired before is answered with 204.
    pub already_retired: bool,
    /// Whether its targets went with it.
    pub cascade: bool,
    /// What depended on it before.
    pub counts: DependencyCounts,
    /// Certificates that lost a target.
    #[serde(default)]
    pub certificate_ids: Vec<String>,
}
