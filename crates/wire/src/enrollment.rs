//! Tokens that admit agents.

use serde::{Deserialize, Serialize};

request! {
    /// Body of `POST /api/v1/agents/enrollment-tokens`.
    EnrollmentTokenCreate {
        /// How long it is valid, in seconds; 3600 unless given.
        ttl_seconds: Option<u64>,
        /// How often it may be used; once unless given.
        max_uses: Option<u32>,
        /// Names it admits, `*` for any run of characters; absent admits every name.
        name_pattern: Option<String>,
        /// The agent it re-enrols.
        agent_id: Option<String>,
    }
}

/// Answer of that call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrollmentTokenCreated {
    /// Its id.
    pub id: String,
    /// The token; shown once.
    pub token: String,
    /// When it ends.
    pub expires_at: String,
}

/// A token as listed; the token itself is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrollmentToken {
    /// Its id.
    pub id: String,
    /// Names it admits; absent admits every name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_pattern: Option<String>,
    /// The agent it re-enrols.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// How often it may be used.
    pub max_uses: u32,
    /// How often it was used.
    pub uses: u32,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}
