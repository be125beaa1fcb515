//! Targets: places where a certificate is installed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TestStatus;

/// A place where a certificate is installed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Target {
    /// Its id.
    pub id: String,
    /// Name, unique per agent.
    pub name: String,
    /// Its type, such as `File`.
    pub r#type: String,
    /// The agent that installs there.
    pub agent_id: String,
    /// Its settings; a secret that is set reads `{"$secret":"set"}`.
    #[serde(default)]
    pub config: Value,
    /// A target that is switched off receives nothing.
    pub enabled: bool,
    /// When it was last tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tested_at: Option<String>,
    /// How that went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_status: Option<TestStatus>,
    /// `database` or `env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was retired with its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_reason: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Counts its changes; the ETag is made of it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/targets`.
    TargetCreate {
        /// An unused id; absent to have one made.
        id: Option<String>,
        /// Name, unique per agent; required.
        name: String,
        /// Its type, such as `File`; required.
        r#type: String,
        /// The agent that installs there; required.
        agent_id: String,
        /// Its settings.
        config: Option<Value>,
        /// Switched on unless false.
        enabled: Option<bool>,
    }
    server_owned [
        "last_tested_at", "test_status", "source", "retired_at", "retired_reason", "created_at", "updated_at", "revision",
    ]
}

request! {
    /// Body of `PUT` and `PATCH /api/v1/targets/{id}`: what is absent is kept, secrets inside `config` too.
    TargetUpdate {
        /// Name, unique per agent.
        name: Option<String>,
        /// The agent that installs there.
        agent_id: Option<String>,
        /// Its settings.
        config: Option<Value>,
        /// Whether it receives deployments.
        enabled: Option<bool>,
    }
    server_owned [
        "id", "type", "last_tested_at", "test_status", "source", "retired_at", "retired_reason", "created_at",
        "updated_at", "revision",
    ]
}
