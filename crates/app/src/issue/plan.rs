//! From a request to something ready to be signed: judged against record and profile, built, linted. Pure but for the
//! serial number, so a request that is refused leaves no trace.

use std::sync::Arc;
use std::time::Duration;

use certctl_connector::{Engine, OwnCa};
use certctl_domain::certificate::{Certificate, Holder, Purpose, Version, VersionState};
use certctl_domain::ids::{JobId, VersionId};
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::profile::{Eku, Profile};
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_domain::spec::CertificateSpec;
use certctl_pki::build::{Kind, Template, ToBeSigned, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{Csr, ExtendedKeyUsage, Serial, Timestamp};

use super::Step;
use crate::world::App;

/// Asked for where neither profile nor issuer says how long.
const LIFETIME_UNSAID: Duration = Duration::from_secs(90 * 86_400);

/// Everything an issuance is decided from.
pub(crate) struct Ask {
    pub(crate) certificate: Certificate,
    pub(crate) policy: Arc<RenewalPolicy>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) holder: Holder,
    pub(crate) csr: Csr,
    pub(crate) requested_by: String,
    pub(crate) job_id: JobId,
    /// The certificate was created this moment and nobody else holds a key of it.
    pub(crate) only_holder: bool,
}

/// An issuance about which nothing is left to decide.
pub(crate) struct Plan {
    pub(crate) ask: Ask,
    pub(crate) spec: CertificateSpec,
    /// The reserved version, as it is to be recorded.
    pub(crate) version: Version,
    /// What a CA of ours signs; absent for an external issuer.
    pub(crate) tbs: Option<ToBeSigned>,
}

impl Plan {
    /// Judges, builds and lints.
    pub(crate) fn make(app: &App, ask: Ask, now: Timestamp) -> Result<Self, Refusals> {
        let (ttl, end) = match ask.engine.as_ref() {
            Engine::Own(ca) => (ca.lifetime_max, Some(ca.issuer.certificate().not_after())),
            Engine::External { issuer, .. } => (issuer.capabilities().lifetime_max.unwrap_or(LIFETIME_UNSAID), None),
        };
        let spec = CertificateSpec::judge(&ask.certificate, &ask.profile, &ask.csr, ttl, end, now)?;
        Step::Judged.reached();
        let (serial, tbs) = match ask.engine.as_ref() {
            Engine::Own(ca) => {
                let serial = Serial::from_random(app.random::<20>());
                let tbs = build_leaf(ca, &ask, &spec, serial.clone(), now)?;
                (Some(serial), Some(tbs))
            }
            Engine::External { .. } => (None, None),
        };
        Step::Built.reached();
        let version = reserved(app, &ask, &spec, serial, now);
        Ok(Self { ask, spec, version, tbs })
    }
}

fn build_leaf(
    ca: &OwnCa,
    ask: &Ask,
    spec: &CertificateSpec,
    serial: Serial,
    now: Timestamp,
) -> Result<ToBeSigned, Refusals> {
    let refused = |message: String| Refusals::from(Refusal::denied("csr_pem", message));
    let template = Template {
        kind: Kind::Leaf,
        serial,
        subject: subject(spec.common_name()),
        sans: spec.sans().to_vec(),
        public_key: ask.csr.public_key().clone(),
        validity: Validity::new(spec.not_before(), spec.not_after()).map_err(|error| refused(error.to_string()))?,
        extended_key_usages: ask.profile.rules.allowed_ekus.iter().copied().map(usage).collect(),
        must_staple: ask.profile.rules.must_staple,
    };
    let tbs = template.issued_by(&ca.issuer).map_err(|error| refused(error.to_string()))?;
    lint(&tbs, now)?;
    Ok(tbs)
}

/// A common name longer than X.509 allows is left out: the names are in the SANs.
fn subject(common_name: &str) -> Subject {
    Subject::common_name(common_name).unwrap_or_else(|_| Subject::empty())
}

/// Refuses what the lints call an error, before any key is used.
pub(crate) fn lint(tbs: &ToBeSigned, now: Timestamp) -> Result<(), Refusals> {
    let findings = certctl_pki::lint::check(tbs, now);
    if !certctl_pki::lint::forbids(&findings) {
        return Ok(());
    }
    let errors = findings.iter().filter(|finding| finding.severity == certctl_pki::lint::Severity::Error);
    Err(Refusals(
        errors.map(|finding| Refusal::denied("csr_pem", format!("{}: {}", finding.code, finding.message))).collect(),
    ))
}

fn reserved(app: &App, ask: &Ask, spec: &CertificateSpec, serial: Option<Serial>, now: Timestamp) -> Version {
    let (ca_id, issuer_id) = match ask.engine.as_ref() {
        Engine::Own(ca) => (Some(ca.ca_id.clone()), None),
        Engine::External { .. } => (None, Some(ask.certificate.issuer_id.clone())),
    };
    Version {
        id: VersionId::new(app.ids().ulid()),
        certificate_id: Some(ask.certificate.id.clone()),
        purpose: Purpose::Leaf,
        holder: ask.holder.as_str().to_owned(),
        ca_id,
        issuer_id,
        job_id: Some(ask.job_id.clone()),
        order_ref: None,
        poll_at: None,
        serial,
        state: VersionState::Reserved,
        not_before: Some(spec.not_before()),
        not_after: Some(spec.not_after()),
        spki_sha256: ask.csr.public_key().spki_sha256_hex(),
        fingerprint_sha256: None,
        certificate: None,
        chain_pem: None,
        csr: Some(ask.csr.der().to_vec()),
        key_algorithm: spec.key_algorithm(),
        key_size: spec.key_size(),
        profile_id: Some(ask.profile.id.clone()),
        profile_revision: Some(ask.profile.revision),
        requested_by: ask.requested_by.clone(),
        void_reason: None,
        revoked_at: None,
        created_at: now,
        issued_at: None,
    }
}

pub(crate) fn usage(eku: Eku) -> ExtendedKeyUsage {
    match eku {
        Eku::ServerAuth => ExtendedKeyUsage::ServerAuth,
        Eku::ClientAuth => ExtendedKeyUsage::ClientAuth,
        Eku::CodeSigning => ExtendedKeyUsage::CodeSigning,
        Eku::EmailProtection => ExtendedKeyUsage::EmailProtection,
        Eku::TimeStamping => ExtendedKeyUsage::TimeStamping,
    }
}
