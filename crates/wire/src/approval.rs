//! Approvals: what waits for a second person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

words! {
    /// What is to be approved.
    ApprovalKind {
        /// One issuance.
        CertIssuance = "cert_issuance",
        /// An edit of a profile that gates issuance.
        ProfileEdit = "profile_edit",
    }
}

words! {
    /// How a request stands.
    ApprovalState {
        /// Waits for a decision.
        Pending = "pending",
        /// Approved.
        Approved = "approved",
        /// Rejected.
        Rejected = "rejected",
        /// Nobody decided in time.
        Expired = "expired",
    }
}

words! {
    /// What was decided.
    ApprovalAction {
        /// Go on.
        Approved = "approved",
        /// Do not.
        Rejected = "rejected",
    }
}

/// A request for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// What is to be approved.
    pub kind: ApprovalKind,
    /// The certificate to issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// The job that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The profile that gates it.
    pub profile_id: String,
    /// Who asked.
    pub requested_by: String,
    /// How it stands.
    pub state: ApprovalState,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_note: Option<String>,
    /// What the decider should see, such as `common_name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The proposed profile, base64 of its JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// When it lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

request! {
    /// Body of `POST /api/v1/approvals/{id}/approve` and `/reject`; may be absent.
    ApprovalDecision {
        /// Why.
        note: Option<String>,
    }
}

/// Answer of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApprovalDecided {
    /// The request.
    pub id: String,
    /// Who decided.
    pub decided_by: String,
    /// What.
    pub action: ApprovalAction,
}
