//! Probes, the build, and answers that are one word.

use serde::{Deserialize, Serialize};

/// An answer that is one word, such as `job_cancelled`, `heartbeat_recorded`, `csr_signed` or `updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusAnswer {
    /// The word.
    pub status: String,
}

/// Answer of `GET /api/v1/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// Release, else commit, else `dev`.
    pub version: String,
    /// Commit it was built from.
    #[serde(default)]
    pub commit: String,
    /// Whether the tree differed from it.
    #[serde(default)]
    pub modified: bool,
    /// When it was built.
    #[serde(default)]
    pub build_time: String,
    /// Empty; older clients expect the key.
    #[serde(default)]
    pub go_version: String,
}

/// Answer of `GET /health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `healthy`.
    pub status: String,
}

/// Answer of `GET /ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ready {
    /// `ready` or `db_unavailable`.
    pub status: String,
    /// `reachable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub db: Option<String>,
    /// What is wrong, without particulars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
