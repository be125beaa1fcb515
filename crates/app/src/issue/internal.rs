//! Certificates for the product itself: issuing CAs, agent identities, the listener. They pass the stages of every other
//! certificate (build, lint, reserve, sign, commit and audit) under rules that are written here and listed nowhere.

use std::time::Duration;

use certctl_connector::OwnCa;
use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Purpose, Version, VersionState};
use certctl_domain::ids::VersionId;
use certctl_domain::renewal::backdate;
use certctl_pki::build::{Kind, Template, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{Certificate, ExtendedKeyUsage, PublicKey, San, Serial, Timestamp};

use super::Step;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// A certificate for the product itself.
pub(crate) struct Internal {
    pub(crate) purpose: Purpose,
    /// Whose key it is: an agent id, or a name of the server's.
    pub(crate) holder: String,
    pub(crate) common_name: String,
    pub(crate) sans: Vec<San>,
    pub(crate) public_key: PublicKey,
    pub(crate) kind: Kind,
    pub(crate) usages: Vec<ExtendedKeyUsage>,
    pub(crate) lifetime: Duration,
}

impl App {
    /// Issues it. `follow` adds what uses the certificate to the unit that records it.
    pub(crate) async fn internal_issue(
        &self,
        caller: &Caller,
        ca: &OwnCa,
        ask: Internal,
        follow: impl FnOnce(&mut Unit, &Version, &Certificate) -> Result<()>,
    ) -> Result<(Version, Certificate)> {
        let now = self.now();
        let serial = Serial::from_random(self.random::<20>());
        let validity = validity(ca, ask.lifetime, now)?;
        let template = Template {
            kind: ask.kind,
            serial: serial.clone(),
            subject: Subject::common_name(&ask.common_name)
                .map_err(|error| Error::invalid("common_name", error.to_string()))?,
            sans: ask.sans,
            public_key: ask.public_key.clone(),
            validity,
            extended_key_usages: ask.usages,
            must_staple: false,
        };
        let tbs =
            template.issued_by(&ca.issuer).map_err(|error| Error::bug("building an internal certificate", error))?;
        super::plan::lint(&tbs, now)?;
        Step::Built.reached();
        let version = self.internal_reserved(ca, &ask.holder, ask.purpose, &ask.public_key, serial, caller, now)?;
        let mut unit = Unit::new();
        certctl_store::versions::insert(&mut unit, &version);
        self.commit(unit).await?;
        Step::Reserved.reached();
        let signature = ca.signer.sign(tbs.der()).await?;
        let certificate = tbs
            .finish(&signature)
            .map_err(|error| Error::bug("putting a signature to an internal certificate", error))?;
        Step::Signed.reached();
        let version = super::settle::issued(version, &certificate, &ca.chain_pem, self.now());
        let mut unit = Unit::new();
        certctl_store::versions::record_issued(&mut unit, &version);
        follow(&mut unit, &version, &certificate)?;
        let event = Event::new(Action::InternalIssued, &version.id)
            .with("purpose", ask.purpose.as_str())
            .with("holder", ask.holder.as_str())
            .with("serial", certificate.serial().to_hex())
            .with("not_after", certificate.not_after().to_rfc3339());
        self.audit(&mut unit, caller, event);
        self.commit(unit).await?;
        Step::Committed.reached();
        Ok((version, certificate))
    }

    #[expect(clippy::too_many_arguments, reason = "each is one column of the intent")]
    fn internal_reserved(
        &self,
        ca: &OwnCa,
        holder: &str,
        purpose: Purpose,
        key: &PublicKey,
        serial: Serial,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Version> {
        let kind = key
            .kind()
            .ok_or_else(|| Error::invalid("csr_pem", "the key is of a kind that is not supported; use ECDSA P-256"))?;
        Ok(Version {
            id: VersionId::new(self.ids().ulid()),
            certificate_id: None,
            purpose,
            holder: holder.to_owned(),
            ca_id: Some(ca.ca_id.clone()),
            issuer_id: None,
            job_id: None,
            order_ref: None,
            poll_at: None,
            serial: Some(serial),
            state: VersionState::Reserved,
            not_before: None,
            not_after: None,
            spki_sha256: key.spki_sha256_hex(),
            fingerprint_sha256: None,
            certificate: None,
            chain_pem: None,
            csr: None,
            key_algorithm: kind.algorithm(),
            key_size: u32::from(kind.size()),
            profile_id: None,
            profile_revision: None,
            requested_by: caller.actor.id.clone(),
            void_reason: None,
            revoked_at: None,
            created_at: now,
            issued_at: None,
        })
    }
}

/// The lifetime asked for, never beyond the CA's own end.
fn validity(ca: &OwnCa, lifetime: Duration, now: Timestamp) -> Result<Validity> {
    let start = now - backdate(lifetime);
    let end = (start + lifetime).min(ca.issuer.certificate().not_after());
    Validity::new(start, end).map_err(|error| Error::bug("the CA ends before what it signs begins", error))
}
