//! A certificate at a target: what should be served there and what is.

use serde::{Deserialize, Serialize};

use crate::Target;

words! {
    /// How a certificate stands at a target.
    MappingState {
        /// Nothing is desired yet.
        Waiting = "waiting",
        /// Desired differs from deployed; a job is due or open.
        Pending = "pending",
        /// An agent works on it.
        Deploying = "deploying",
        /// A handshake returned the desired certificate. Only this is "done".
        Verified = "verified",
        /// In place and reloaded, and verification is switched off.
        NotVerified = "not_verified",
        /// The last attempt failed.
        Failed = "failed",
        /// Its target was retired.
        Orphaned = "orphaned",
    }
}

words! {
    /// How the last handshake went.
    VerifyStatus {
        /// None yet, or not a deployment.
        None = "",
        /// It is still to come.
        Pending = "pending",
        /// It returned the desired certificate.
        Success = "success",
        /// It did not.
        Failed = "failed",
        /// Switched off for this target.
        Skipped = "skipped",
    }
}

/// A target of a certificate, with what is desired, deployed and served there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deployment {
    /// The target.
    #[serde(flatten)]
    pub target: Target,
    /// The certificate.
    pub certificate_id: String,
    /// The target's id once more.
    pub target_id: String,
    /// The version that should be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_version_id: Option<String>,
    /// The version in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_version_id: Option<String>,
    /// When it was put there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<String>,
    /// SHA-256 of what the last handshake returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_fingerprint: Option<String>,
    /// How it stands.
    pub state: MappingState,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How the last handshake went.
    pub verification_status: VerifyStatus,
    /// When it took place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<String>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
}

/// All targets of a certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deployments {
    /// One row per target.
    pub data: Vec<Deployment>,
    /// How many.
    pub total: u64,
}
