//! Jobs: leased units of work.

use serde::{Deserialize, Serialize};

use crate::{DeployResult, VerifyStatus};

words! {
    /// What sort of job.
    JobType {
        /// The first version for a key holder.
        Issuance = "Issuance",
        /// A further version for a key holder.
        Renewal = "Renewal",
        /// A version to a target.
        Deployment = "Deployment",
        /// A look at a target that changes nothing.
        TestTarget = "TestTarget",
        /// Named by the reference and made by nobody.
        Validation = "Validation",
    }
}

words! {
    /// How a job stands.
    JobStatus {
        /// Waits for a worker or for its time.
        Pending = "Pending",
        /// Waits for a CSR.
        AwaitingCsr = "AwaitingCSR",
        /// Waits for a second person.
        AwaitingApproval = "AwaitingApproval",
        /// Somebody works on it.
        Running = "Running",
        /// Done.
        Completed = "Completed",
        /// Ended for good without success.
        Failed = "Failed",
        /// Somebody ended it.
        Cancelled = "Cancelled",
    }
}

impl JobStatus {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Pending | Self::AwaitingCsr | Self::AwaitingApproval | Self::Running => false,
        }
    }
}

/// A unit of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What sort of job.
    pub r#type: JobType,
    /// The certificate; empty for a test of a target.
    pub certificate_id: String,
    /// The target it deploys to or tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// How it stands.
    pub status: JobStatus,
    /// What exactly goes on while it runs, such as `awaiting_issuer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Attempts made.
    pub attempts: u32,
    /// Attempts at most.
    pub max_attempts: u32,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Class of that failure, such as `transient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// Not before this time.
    pub scheduled_at: String,
    /// When it was created.
    pub created_at: String,
    /// When its first attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// The job that made it necessary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_job_id: Option<String>,
    /// How the handshake went; empty unless it is a deployment.
    pub verification_status: VerifyStatus,
    /// When it took place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<String>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_error: Option<String>,
    /// SHA-256 of what it returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_fingerprint: Option<String>,
    /// What the deployment did, or the test found, as the agent reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<DeployResult>,
}

request! {
    /// Body of `POST /api/v1/jobs/{id}/reject`; may be absent.
    JobReject {
        /// Why.
        reason: Option<String>,
    }
}
