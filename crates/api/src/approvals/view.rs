//! Requests for a second person between the wire and the use cases.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certctl_domain::approval::{Approval, ApprovalKind, ApprovalState};
use certctl_wire as wire;

use crate::view::{time, time_opt};

/// A request as it is shown.
pub(crate) fn approval(approval: &Approval) -> wire::Approval {
    wire::Approval {
        id: approval.id.to_string(),
        kind: match approval.kind {
            ApprovalKind::CertIssuance => wire::ApprovalKind::CertIssuance,
            ApprovalKind::ProfileEdit => wire::ApprovalKind::ProfileEdit,
        },
        certificate_id: approval.certificate_id.as_ref().map(ToString::to_string),
        job_id: approval.job_id.as_ref().map(ToString::to_string),
        profile_id: approval.profile_id.to_string(),
        requested_by: approval.requested_by.clone(),
        state: match approval.state {
            ApprovalState::Pending => wire::ApprovalState::Pending,
            ApprovalState::Approved => wire::ApprovalState::Approved,
            ApprovalState::Rejected => wire::ApprovalState::Rejected,
            ApprovalState::Expired => wire::ApprovalState::Expired,
        },
        decided_by: approval.decided_by.clone(),
        decided_at: time_opt(approval.decided_at),
        decision_note: approval.decision_note.clone(),
        metadata: approval.metadata.iter().cloned().collect(),
        payload: approval.payload.as_ref().map(|payload| STANDARD.encode(payload)),
        expires_at: Some(time(approval.expires_at)),
        created_at: time(approval.created_at),
        updated_at: time(approval.updated_at),
    }
}

/// A state to filter by.
pub(super) fn state(state: wire::ApprovalState) -> ApprovalState {
    match state {
        wire::ApprovalState::Pending => ApprovalState::Pending,
        wire::ApprovalState::Approved => ApprovalState::Approved,
        wire::ApprovalState::Rejected => ApprovalState::Rejected,
        wire::ApprovalState::Expired => ApprovalState::Expired,
    }
}

/// The answer of a decision.
pub(super) fn decided(approval: &Approval, action: wire::ApprovalAction) -> wire::ApprovalDecided {
    wire::ApprovalDecided {
        id: approval.id.to_string(),
        decided_by: approval.decided_by.clone().unwrap_or_default(),
        action,
    }
}
