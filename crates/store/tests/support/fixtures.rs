//! Plain things to store. Builders: a test changes what it is about.

use std::collections::BTreeMap;

use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::audit::{Action, AuditRecord, Event, Origin};
use certctl_domain::certificate::{Certificate, Holder, Identity, Purpose, Version, VersionState};
use certctl_domain::ids::{CaId, CertificateId, EventId, IssuerId, JobId, OwnerId, PolicyId, TeamId, VersionId};
use certctl_pki::key::KeyAlgorithm;
use certctl_pki::{San, Serial};

use super::foundation::{day, now};

pub(crate) fn certificate(id: &str) -> Certificate {
    Certificate {
        id: CertificateId::parse(id).expect("an id"),
        name: format!("certificate {id}"),
        common_name: format!("{}.example.org", id.to_lowercase().replace('_', "-")),
        sans: vec![San::parse(&format!("{}.example.org", id.to_lowercase().replace('_', "-"))).expect("a name")],
        environment: "production".to_owned(),
        owner_id: OwnerId::fixed("own_1"),
        team_id: TeamId::fixed("team_1"),
        issuer_id: IssuerId::fixed("iss-local"),
        renewal_policy_id: PolicyId::fixed("rp-default"),
        certificate_profile_id: None,
        tags: BTreeMap::new(),
        source: String::new(),
        not_before: None,
        not_after: None,
        last_renewal_at: None,
        last_deployment_at: None,
        renewal_failures: 0,
        last_renewal_error: None,
        last_editor: "ada".to_owned(),
        archived_at: None,
        revoked_at: None,
        revocation_reason: None,
        created_at: now(),
        updated_at: now(),
        revision: 1,
    }
}

pub(crate) fn identity(certificate: &Certificate) -> Identity {
    Identity {
        certificate_id: certificate.id.clone(),
        holder: Holder::External,
        current_version_id: None,
        not_before: None,
        not_after: None,
        renew_at: None,
        failures: 0,
    }
}

/// The intent to make a version of this certificate, with this serial.
pub(crate) fn reserved(certificate: &Certificate, id: &str, serial: u64) -> Version {
    Version {
        id: VersionId::parse(id).expect("an id"),
        certificate_id: Some(certificate.id.clone()),
        purpose: Purpose::Leaf,
        holder: Holder::External.as_str().to_owned(),
        ca_id: Some(CaId::fixed("ca_issuing")),
        issuer_id: None,
        job_id: Some(JobId::parse(&format!("job_{id}")).expect("an id")),
        order_ref: None,
        poll_at: None,
        serial: Some(Serial::from_be_bytes(&[&[0x40_u8; 8][..], &serial.to_be_bytes()].concat()).expect("a serial")),
        state: VersionState::Reserved,
        not_before: Some(now()),
        not_after: Some(day(90)),
        spki_sha256: format!("{serial:064x}"),
        fingerprint_sha256: None,
        certificate: None,
        chain_pem: None,
        csr: Some(vec![0x30; 220]),
        key_algorithm: KeyAlgorithm::Ecdsa,
        key_size: 256,
        profile_id: None,
        profile_revision: None,
        requested_by: "ada".to_owned(),
        void_reason: None,
        revoked_at: None,
        created_at: now(),
        issued_at: None,
    }
}

/// What signing makes of the intent.
pub(crate) fn issued(reserved: &Version) -> Version {
    Version {
        state: VersionState::Issued,
        fingerprint_sha256: Some(reserved.spki_sha256.clone()),
        certificate: Some(vec![0x30; 480]),
        chain_pem: Some("-----BEGIN CERTIFICATE-----\n".repeat(30)),
        issued_at: Some(now()),
        ..reserved.clone()
    }
}

/// The identity once the version is its current one.
pub(crate) fn renewed(identity: &Identity, version: &Version) -> Identity {
    Identity {
        current_version_id: Some(version.id.clone()),
        not_before: version.not_before,
        not_after: version.not_after,
        renew_at: Some(day(60)),
        ..identity.clone()
    }
}

pub(crate) fn event(id: &str, action: Action, resource_id: &str) -> AuditRecord {
    AuditRecord {
        id: EventId::parse(id).expect("an id"),
        occurred_at: now(),
        actor: Actor { id: "ada".to_owned(), kind: ActorType::ApiKey },
        origin: Origin {
            credential_id: Some("key_1".to_owned()),
            request_id: Some("req_1".to_owned()),
            source_ip: Some("127.0.0.1".to_owned()),
        },
        event: Event::new(action, resource_id),
    }
}
