//! Why a certificate is as it is, and what happens next.

use serde::{Deserialize, Serialize};

use crate::{CertificateStatus, RenewalState};

/// Answer of `GET /api/v1/certificates/{id}/why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Why {
    /// What the certificate is now.
    pub state: CertificateStatus,
    /// How the next issuance stands.
    pub renewal_state: RenewalState,
    /// The facts, most telling first.
    pub because: Vec<Because>,
    /// What follows from them.
    pub next: Next,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Because {
    /// Stable word for programs, such as `awaiting_agent_csr`.
    pub code: String,
    /// What a person reads; the same text in UI, CLI, log and alert.
    pub message: String,
    /// Since when.
    pub at: String,
    /// The job it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Next {
    /// What.
    pub action: String,
    /// When, if a time is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Who does it.
    pub who: String,
}
