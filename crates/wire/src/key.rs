//! API keys: who may call, and for how long.

use serde::{Deserialize, Serialize};

use crate::ActorType;

/// An actor that holds a role, with its key where it has one. The secret is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Name of the key; the actor in audit events.
    pub actor_id: String,
    /// What sort of actor it is.
    pub actor_type: ActorType,
    /// Always `t-default`.
    pub tenant_id: String,
    /// Roles it holds.
    #[serde(default)]
    pub role_ids: Vec<String>,
    /// Id of the key; absent for keys from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `database` or `env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The person behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}

/// Answer of `GET /api/v1/auth/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeys {
    /// All of them.
    pub keys: Vec<ApiKey>,
}

request! {
    /// Body of `POST /api/v1/auth/keys`.
    ApiKeyCreate {
        /// Name of the key, `[A-Za-z0-9_-]+`; required.
        name: String,
        /// Roles it shall hold; the caller must hold all their permissions.
        role_ids: Vec<String>,
        /// When it ends; absent for never.
        expires_at: Option<String>,
        /// The person behind it; absent for the person of the caller.
        owner_id: Option<String>,
    }
}

/// Answer of that call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyCreated {
    /// Its id.
    pub id: String,
    /// Its name; the actor in audit events.
    pub actor_id: String,
    /// The key; shown once.
    pub key_value: String,
    /// Roles it holds.
    #[serde(default)]
    pub role_ids: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

request! {
    /// Body of `POST /api/v1/auth/keys/{id}/rotate`; may be absent.
    ApiKeyRotate {
        /// How long the old value stays valid, in seconds; 86400 unless given, at most 604800.
        overlap_seconds: Option<u64>,
    }
}

/// Answer of that call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyRotated {
    /// Its id.
    pub id: String,
    /// Its name.
    pub actor_id: String,
    /// The new key; shown once.
    pub key_value: String,
    /// Until when the old value works.
    pub previous_valid_until: String,
    /// When the new value ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

request! {
    /// Body of `POST /api/v1/auth/keys/{id}/roles`.
    RoleGrant {
        /// The role; required.
        role_id: String,
        /// `global` unless given.
        scope_type: Option<String>,
        /// What it is limited to; required where it is not global.
        scope_id: Option<String>,
        /// When the grant ends.
        expires_at: Option<String>,
    }
}
