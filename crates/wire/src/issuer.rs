//! Issuers: configured connectors that sign.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::DeployStep;

words! {
    /// How the last test of a connector went.
    TestStatus {
        /// None yet.
        Untested = "untested",
        /// It answered.
        Success = "success",
        /// It did not.
        Failed = "failed",
    }
}

/// A configured issuer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Issuer {
    /// Its id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Its type, such as `GenericCA`.
    pub r#type: String,
    /// Its settings; a secret that is set reads `{"$secret":"set"}`.
    #[serde(default)]
    pub config: Value,
    /// An issuer that is switched off signs nothing.
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
    /// `single` or `tree`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hierarchy_mode: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Counts its changes; the ETag is made of it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/issuers`.
    IssuerCreate {
        /// An unused id; absent to have one made.
        id: Option<String>,
        /// Unique name; required.
        name: String,
        /// Its type, such as `GenericCA` or `local`; required.
        r#type: String,
        /// Its settings.
        config: Option<Value>,
        /// Switched on unless false.
        enabled: Option<bool>,
        /// `single`, the only one there is so far.
        hierarchy_mode: Option<String>,
    }
    server_owned ["last_tested_at", "test_status", "source", "created_at", "updated_at", "revision"]
}

request! {
    /// Body of `PUT` and `PATCH /api/v1/issuers/{id}`: what is absent is kept, secrets inside `config` too.
    IssuerUpdate {
        /// Unique name.
        name: Option<String>,
        /// Its settings.
        config: Option<Value>,
        /// Whether it signs.
        enabled: Option<bool>,
    }
    server_owned [
        "id", "type", "hierarchy_mode", "last_tested_at", "test_status", "source", "created_at", "updated_at", "revision",
    ]
}

/// Answer of a connector test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestAnswer {
    /// `connection_successful` for issuers; `success`, `failed` or `pending` for targets.
    pub status: String,
    /// What a person reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The job in which the agent tests a target; absent where the agent was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// What the agent looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<DeployStep>,
}
