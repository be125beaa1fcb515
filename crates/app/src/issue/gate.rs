//! The approval gate: one place, closed unless an approval of exactly this is on record (stage 5 of the pipeline).

use certctl_db::Unit;
use certctl_domain::actor::Person;
use certctl_domain::approval::{self, Approval, ApprovalKind, ApprovalState};
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Certificate, Holder};
use certctl_domain::ids::{ApprovalId, JobId};
use certctl_domain::profile::Profile;
use certctl_domain::work::FailureClass;
use certctl_pki::Csr;

use super::Failure;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// What the gate says of one job.
#[derive(Debug)]
pub(crate) enum Gate {
    /// No second person is needed.
    Open,
    /// A second person approved exactly this; the approval is used up by the issuance.
    Approved(Box<Approval>),
    /// A second person must be asked first.
    Ask,
    /// A second person was asked and has not answered.
    Waiting,
}

/// What is asked of a second person.
pub(crate) struct Subject<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) profile: &'a Profile,
    pub(crate) holder: &'a Holder,
    pub(crate) csr: Option<&'a Csr>,
}

impl Subject<'_> {
    /// The digest an approval is bound to. Where the CSR comes after the approval, the key is not part of it.
    pub(crate) fn digest(&self, with_key: bool) -> String {
        let spki = self.csr.filter(|_| with_key).map(|csr| csr.public_key().spki_sha256_hex());
        let text = approval::subject(self.certificate, self.profile, self.holder.as_str(), spki.as_deref());
        crate::hash::sha256_hex(text.as_bytes())
    }
}

impl App {
    /// Asks the gate before anything irrevocable is done for `job`.
    pub(crate) async fn gate(&self, job: &JobId, subject: &Subject<'_>) -> Result<Gate, Failure> {
        if !approval::required(Some(subject.profile)) {
            return Ok(Gate::Open);
        }
        let known = certctl_store::approvals::of_job(self.db(), job).await.map_err(Error::from)?;
        let Some(known) = known else { return Ok(Gate::Ask) };
        match known.state {
            ApprovalState::Pending => Ok(Gate::Waiting),
            ApprovalState::Approved if known.opens(&subject.digest(true)) || known.opens(&subject.digest(false)) => {
                Ok(if known.consumed_at.is_some() { Gate::Open } else { Gate::Approved(Box::new(known)) })
            }
            ApprovalState::Approved => Err(Failure::new(
                FailureClass::PolicyDenied,
                "what was approved is not what would be issued (names, profile or issuer changed since); renew to ask again",
            )),
            ApprovalState::Rejected => Err(Failure::new(FailureClass::Rejected, "a second person rejected it")),
            ApprovalState::Expired => Err(Failure::new(FailureClass::Expired, "nobody decided in time")),
        }
    }

    /// Adds the request for a second person to the unit that makes the job wait.
    pub(crate) fn gate_ask(&self, unit: &mut Unit, job: &JobId, subject: &Subject<'_>, caller: &Caller) -> ApprovalId {
        let now = self.now();
        let approval = Approval {
            id: ApprovalId::new(self.ids().ulid()),
            kind: ApprovalKind::CertIssuance,
            certificate_id: Some(subject.certificate.id.clone()),
            job_id: Some(job.clone()),
            profile_id: subject.profile.id.clone(),
            profile_revision: subject.profile.revision,
            requested_by: caller.actor.id.clone(),
            requester_person: caller.person.clone(),
            excluded_person: Some(Person(subject.certificate.last_editor.clone())).filter(Person::is_human),
            state: ApprovalState::Pending,
            digest: subject.digest(true),
            metadata: metadata(subject),
            payload: None,
            decided_by: None,
            decider_person: None,
            decided_at: None,
            decision_note: None,
            consumed_at: None,
            expires_at: now + self.settings().approval_timeout,
            created_at: now,
            updated_at: now,
        };
        let event = Event::new(Action::ApprovalRequested, &approval.id)
            .with("certificate_id", subject.certificate.id.as_str())
            .with("job_id", job.as_str())
            .with("digest", approval.digest.as_str());
        certctl_store::approvals::insert(unit, &approval);
        self.audit(unit, caller, event);
        self.announce(unit, "approval.requested", approval.id.as_str());
        approval.id
    }
}

fn metadata(subject: &Subject<'_>) -> Vec<(String, String)> {
    let names: Vec<String> = subject.certificate.sans.iter().map(ToString::to_string).collect();
    vec![
        ("common_name".to_owned(), subject.certificate.common_name.clone()),
        ("sans".to_owned(), names.join(", ")),
        ("issuer_id".to_owned(), subject.certificate.issuer_id.to_string()),
        ("profile".to_owned(), subject.profile.rules.name.clone()),
        ("holder".to_owned(), subject.holder.as_str().to_owned()),
    ]
}
