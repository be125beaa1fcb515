//! What an agent is given to do.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JobStatus, JobType};

/// Answer of `GET /api/v1/agents/{id}/work`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Work {
    /// Deployments first, then requests to make.
    pub jobs: Vec<WorkItem>,
    /// How many.
    pub count: u64,
}

/// One job, leased to this agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkItem {
    /// Its id.
    pub id: String,
    /// What sort of job.
    pub r#type: JobType,
    /// `AwaitingCSR`: make a key and send a request. Otherwise: deploy, or look at the target, as the type says.
    pub status: JobStatus,
    /// The certificate; empty for a test of a target.
    pub certificate_id: String,
    /// Subject common name to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Names to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<String>,
    /// The key to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeySpec>,
    /// Where to deploy or to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// Name of that target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// Its type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<String>,
    /// Its settings with the real secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_config: Option<Value>,
    /// The version to deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// SHA-256 of that version, which a handshake must return afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_fingerprint: Option<String>,
    /// Number of this lease; every report carries it.
    pub lease_epoch: i64,
    /// When the lease ends unless a report renews it.
    pub lease_until: String,
}

/// A key to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeySpec {
    /// `RSA`, `ECDSA` or `Ed25519`.
    pub algorithm: String,
    /// Size in bits.
    pub size: u32,
}

/// Answer of `GET /api/v1/agents/{id}/certificates/{certificate_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentCertificate {
    /// Leaf first, then its chain.
    pub certificate_pem: String,
    /// The version it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}
