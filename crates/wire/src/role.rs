//! Roles and what they permit.

use serde::{Deserialize, Serialize};

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Role {
    /// Its id, such as `r-admin`.
    pub id: String,
    /// Always `t-default`.
    pub tenant_id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// Answer of `GET /api/v1/auth/roles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Roles {
    /// All of them.
    pub roles: Vec<Role>,
}

/// Answer of `GET /api/v1/auth/roles/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleDetail {
    /// The role.
    pub role: Role,
    /// What it permits.
    pub permissions: Vec<RolePermission>,
}

/// A permission of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolePermission {
    /// The role.
    pub role_id: String,
    /// The permission's id.
    pub permission_id: String,
    /// `global`, `profile` or `issuer`.
    pub scope_type: String,
    /// What it is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_id: Option<String>,
}
