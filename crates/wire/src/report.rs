//! What an agent reports.

use serde::{Deserialize, Serialize};

request! {
    /// Body of `POST /api/v1/agents/{id}/csr`.
    CsrSubmit {
        /// PKCS#10 request, PEM; required.
        csr_pem: String,
        /// The certificate it is for; required.
        certificate_id: String,
        /// The job that asked for it; absent where the certificate has only one that waits.
        job_id: Option<String>,
        /// The lease under which it was made; absent for the one this agent holds.
        lease_epoch: Option<i64>,
    }
}

request! {
    /// Body of `POST /api/v1/agents/{id}/jobs/{job_id}/status`.
    JobStatusReport {
        /// `Running`, `Completed` or `Failed`; required.
        status: String,
        /// Why it failed.
        error: Option<String>,
        /// The lease under which it was done; absent for the one this agent holds.
        lease_epoch: Option<i64>,
        /// What was done.
        result: Option<DeployResult>,
    }
}

/// What a deployment did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeployResult {
    /// In one word, such as `deployed`, `unchanged` or `rolled_back`.
    pub outcome: String,
    /// Step by step.
    #[serde(default)]
    pub steps: Vec<DeployStep>,
    /// SHA-256 of what a handshake returned afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_fingerprint: Option<String>,
    /// SHA-256 of what was in place before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_fingerprint: Option<String>,
    /// SHA-256 of what is in place now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_fingerprint: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// Class of the failure, such as `target`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// Whether the old files were put back.
    #[serde(default)]
    pub rolled_back: bool,
}

/// One step of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeployStep {
    /// What was done, such as `reload`.
    pub name: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// `ok`, `failed` or `skipped`.
    pub outcome: String,
    /// What a person should know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

request! {
    /// Body of `POST /api/v1/jobs/{id}/verify`.
    VerifyReport {
        /// Where; required.
        target_id: String,
        /// SHA-256 of what should be served; required unless `error` is given.
        expected_fingerprint: String,
        /// SHA-256 of what is served; required unless `error` is given.
        actual_fingerprint: String,
        /// Whether they are the same.
        verified: bool,
        /// Why no handshake was made.
        error: Option<String>,
        /// The lease under which it was done; absent for the one this agent holds.
        lease_epoch: Option<i64>,
    }
    ignored ["job_id"]
}

/// Answer of that call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerifyAnswer {
    /// The job.
    pub job_id: String,
    /// What was recorded.
    pub verified: bool,
    /// When.
    pub verified_at: String,
}

/// Answer of `GET /api/v1/jobs/{id}/verification`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verification {
    /// The job.
    pub job_id: String,
    /// Where.
    pub target_id: String,
    /// SHA-256 of what should be served.
    pub expected_fingerprint: String,
    /// SHA-256 of what was served.
    pub actual_fingerprint: String,
    /// Whether they were the same.
    pub verified: bool,
    /// When; absent before the first handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<String>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
