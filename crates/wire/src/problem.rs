//! The one body of every error.

use serde::{Deserialize, Serialize};

use crate::DependencyCounts;

/// Why a request was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Reason phrase of the status, such as `Bad Request`.
    pub error: String,
    /// What a person reads: the cause, and where possible the remedy.
    #[serde(default)]
    pub message: String,
    /// Names the request in the server's log.
    #[serde(default)]
    pub request_id: String,
    /// Stable word for programs, such as `invalid_field`.
    #[serde(default)]
    pub code: String,
    /// The fields at fault, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<FieldProblem>,
    /// What still depends on the thing, where that is the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<DependencyCounts>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldProblem {
    /// Path of the field, such as `sans[1]`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}
