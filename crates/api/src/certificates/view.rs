//! Certificates between the wire and the use cases.

use certctl_app::certificates::{CertificateView, Why};
use certctl_domain::certificate::{RenewalState, Status, Version};
use certctl_domain::target::{Mapping, MappingState, Target};
use certctl_edge::Problem;
use certctl_pki::Timestamp;
use certctl_wire as wire;

use crate::jobs::view::verify_status;
use crate::view::{time, time_opt};

/// A certificate as it is shown.
pub(super) fn certificate(view: &CertificateView) -> wire::Certificate {
    let certificate = &view.certificate;
    wire::Certificate {
        id: certificate.id.to_string(),
        name: certificate.name.clone(),
        common_name: certificate.common_name.clone(),
        sans: certificate.sans.iter().map(ToString::to_string).collect(),
        environment: certificate.environment.clone(),
        owner_id: certificate.owner_id.to_string(),
        team_id: certificate.team_id.to_string(),
        issuer_id: certificate.issuer_id.to_string(),
        target_ids: view.target_ids.iter().map(ToString::to_string).collect(),
        renewal_policy_id: certificate.renewal_policy_id.to_string(),
        certificate_profile_id: certificate.certificate_profile_id.as_ref().map(ToString::to_string),
        status: status(view.status),
        expires_at: certificate.not_after.map_or_else(|| wire::NEVER.to_owned(), time),
        tags: certificate.tags.clone(),
        last_renewal_at: time_opt(certificate.last_renewal_at),
        last_deployment_at: time_opt(certificate.last_deployment_at),
        revoked_at: time_opt(certificate.revoked_at),
        revocation_reason: certificate.revocation_reason.clone(),
        created_at: time(certificate.created_at),
        updated_at: time(certificate.updated_at),
        source: Some(certificate.source.clone()).filter(|source| !source.is_empty()),
        renewal_state: renewal_state(view.renewal_state),
        renew_at: time_opt(view.renew_at),
        revision: certificate.revision,
    }
}

/// An issued version as it is shown.
pub(super) fn version(version: &Version) -> Result<wire::CertificateVersion, Problem> {
    Ok(wire::CertificateVersion {
        id: version.id.to_string(),
        certificate_id: version.certificate_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        serial_number: version.serial.as_ref().map(certctl_pki::Serial::to_hex).unwrap_or_default(),
        not_before: version.not_before.map(time).unwrap_or_default(),
        not_after: version.not_after.map(time).unwrap_or_default(),
        fingerprint_sha256: version.fingerprint_sha256.clone().unwrap_or_default(),
        pem_chain: certctl_app::agents::fetch::version_pem(version)?,
        csr_pem: version
            .csr
            .as_ref()
            .map(|der| certctl_pki::pem::encode("CERTIFICATE REQUEST", der))
            .unwrap_or_default(),
        key_algorithm: Some(version.key_algorithm.as_str().to_owned()),
        key_size: Some(version.key_size),
        holder: Some(version.holder.clone()),
        created_at: time(version.issued_at.unwrap_or(version.created_at)),
    })
}

/// What should be served at a target, and what is.
pub(super) fn deployment(mapping: &Mapping, target: &Target) -> Result<wire::Deployment, Problem> {
    Ok(wire::Deployment {
        target: crate::targets::view::target(target)?,
        certificate_id: mapping.certificate_id.to_string(),
        target_id: mapping.target_id.to_string(),
        desired_version_id: mapping.desired_version_id.as_ref().map(ToString::to_string),
        deployed_version_id: mapping.deployed_version_id.as_ref().map(ToString::to_string),
        deployed_at: time_opt(mapping.deployed_at),
        served_fingerprint: mapping.served_fingerprint.clone(),
        state: mapping_state(mapping.state),
        last_error: mapping.last_error.clone(),
        verification_status: verify_status(mapping.verify_status),
        verified_at: time_opt(mapping.verified_at),
        next_attempt_at: time_opt(mapping.next_attempt_at),
    })
}

/// Why a certificate is as it is. A fact without a time of its own is one of now.
pub(super) fn why(why: &Why, now: Timestamp) -> wire::Why {
    wire::Why {
        state: status(why.state),
        renewal_state: renewal_state(why.renewal_state),
        because: why
            .because
            .iter()
            .map(|fact| wire::Because {
                code: fact.code.as_str().to_owned(),
                message: fact.message.clone(),
                at: time(fact.at.unwrap_or(now)),
                job_id: fact.job_id.clone(),
            })
            .collect(),
        next: wire::Next { action: why.next.action.clone(), at: time_opt(why.next.at), who: why.next.who.clone() },
    }
}

fn status(status: Status) -> wire::CertificateStatus {
    match status {
        Status::Archived => wire::CertificateStatus::Archived,
        Status::Revoked => wire::CertificateStatus::Revoked,
        Status::Expired => wire::CertificateStatus::Expired,
        Status::RenewalInProgress => wire::CertificateStatus::RenewalInProgress,
        Status::Failed => wire::CertificateStatus::Failed,
        Status::Pending => wire::CertificateStatus::Pending,
        Status::Expiring => wire::CertificateStatus::Expiring,
        Status::Active => wire::CertificateStatus::Active,
    }
}

fn renewal_state(state: RenewalState) -> wire::RenewalState {
    match state {
        RenewalState::Idle => wire::RenewalState::Idle,
        RenewalState::InProgress => wire::RenewalState::InProgress,
        RenewalState::AwaitingApproval => wire::RenewalState::AwaitingApproval,
        RenewalState::Failing => wire::RenewalState::Failing,
        RenewalState::Blocked => wire::RenewalState::Blocked,
    }
}

fn mapping_state(state: MappingState) -> wire::MappingState {
    match state {
        MappingState::Waiting => wire::MappingState::Waiting,
        MappingState::Pending => wire::MappingState::Pending,
        MappingState::Deploying => wire::MappingState::Deploying,
        MappingState::Verified => wire::MappingState::Verified,
        MappingState::NotVerified => wire::MappingState::NotVerified,
        MappingState::Failed => wire::MappingState::Failed,
        MappingState::Orphaned => wire::MappingState::Orphaned,
    }
}
