//! Who am I, what may I do, and how the first administrator comes in.

use serde::{Deserialize, Serialize};

use crate::ActorType;

/// Answer of `GET /api/v1/auth/info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthInfo {
    /// `api-key`, `oidc`, `gateway` or `none`.
    pub auth_type: String,
    /// Whether a credential is needed at all.
    pub required: bool,
    /// Where a browser may log in.
    #[serde(default)]
    pub oidc_providers: Vec<LoginProvider>,
}

/// Where a browser may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginProvider {
    /// Its id.
    pub id: String,
    /// What the button says.
    pub display_name: String,
    /// Where it leads.
    pub login_url: String,
}

/// Answer of `GET /api/v1/auth/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthCheck {
    /// `authenticated`.
    pub status: String,
    /// Name of the actor.
    pub user: String,
    /// Whether it holds `r-admin`.
    pub admin: bool,
    /// Id of the actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// What sort of actor it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<ActorType>,
    /// Always `t-default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Roles it holds.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What it may do.
    #[serde(default)]
    pub effective_permissions: Vec<EffectivePermission>,
    /// Whether it holds `r-admin`.
    #[serde(default)]
    pub admin_via_role: bool,
}

/// Answer of `GET /api/v1/auth/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthMe {
    /// Id of the actor.
    pub actor_id: String,
    /// What sort of actor it is.
    pub actor_type: ActorType,
    /// Always `t-default`.
    pub tenant_id: String,
    /// Whether it holds `r-admin`.
    pub admin: bool,
    /// Roles it holds.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What it may do.
    #[serde(default)]
    pub effective_permissions: Vec<EffectivePermission>,
}

/// Something an actor may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EffectivePermission {
    /// Its name.
    pub permission: String,
    /// `global`, `profile` or `issuer`.
    pub scope_type: String,
    /// What it is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_id: Option<String>,
}

/// An entry of the permission catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Permission {
    /// Its id, such as `p-cert-read`.
    pub id: String,
    /// Its name, such as `cert.read`.
    pub name: String,
    /// The part before the first dot.
    pub namespace: String,
}

/// Answer of `GET /api/v1/auth/permissions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Permissions {
    /// The whole catalogue.
    pub permissions: Vec<Permission>,
}

/// Answer of `GET /api/v1/auth/bootstrap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BootstrapStatus {
    /// Whether the first administrator may still come in.
    pub available: bool,
}

request! {
    /// Body of `POST /api/v1/auth/bootstrap`.
    BootstrapRequest {
        /// The token from the server's data directory; required.
        token: String,
        /// Name of the key to make, `^[a-z0-9][a-z0-9_-]{2,63}$`; required.
        actor_name: String,
    }
}

/// Answer of that call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BootstrapAnswer {
    /// Name of the key; the actor in audit events.
    pub actor_id: String,
    /// Id of the key.
    pub api_key_id: String,
    /// The key; shown once.
    pub key_value: String,
    /// When it was made.
    pub created_at: String,
    /// What to do next.
    pub message: String,
}
