//! An agent's request for the certificate that waits for it.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::VersionState;
use certctl_domain::ids::{CertificateId, JobId};
use certctl_domain::refusal::Refusals;
use certctl_domain::work::{FailureClass, JobKind};
use certctl_jobs::{Job, State, lease};
use certctl_pki::Csr;
use futures::FutureExt as _;

use super::job_id;
use super::report::called_off;
use crate::caller::Caller;
use crate::edit::anew;
use crate::error::{Error, Result};
use crate::issue::{Attempt, Failure};
use crate::payload::IssuePayload;
use crate::world::App;

/// What became of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsrAnswer {
    /// The certificate is on record.
    Signed,
    /// Accepted; the issuer or the next attempt decides.
    Accepted,
}

impl App {
    /// Takes the request of the calling agent for a job it was given, and signs it if the issuer answers at once. The same
    /// request for the same job gets the same answer again; another one does not.
    ///
    /// # Errors
    /// [`Error::Missing`] for a job of another agent; [`Error::Conflict`] when the lease is lost, the job does not wait or has
    /// ended, or another request was accepted; [`Error::Refused`] when the request is malformed or not what the job asks for,
    /// and when the job has ended with this attempt.
    pub async fn agent_csr_submit(
        &self,
        caller: &Caller,
        job: Option<&JobId>,
        certificate: Option<&CertificateId>,
        lease_epoch: Option<i64>,
        csr_pem: &str,
    ) -> Result<CsrAnswer> {
        anew(|| self.csr_submit(caller, job, certificate, lease_epoch, csr_pem).boxed()).await
    }

    async fn csr_submit(
        &self,
        caller: &Caller,
        job: Option<&JobId>,
        certificate: Option<&CertificateId>,
        lease_epoch: Option<i64>,
        csr_pem: &str,
    ) -> Result<CsrAnswer> {
        self.agent_alive(caller).await?;
        let job = self.csr_job(caller, job, certificate).await?;
        let csr = Csr::parse_pem(csr_pem).map_err(|error| Error::invalid("csr_pem", error.to_string()))?;
        let payload = IssuePayload::read(&job)?;
        if let Some(known) = payload.csr()? {
            return self.csr_again(&job, &known, &csr).await;
        }
        if job.state != State::AwaitingCsr {
            let message = format!("job {} is {} and waits for no request", job.id, job.state);
            return Err(Error::conflict("not_awaiting_csr", message));
        }
        lease_held(caller, &job, lease_epoch)?;
        self.csr_run(caller, &job, payload, &csr).await
    }

    /// The job meant: named, or the only one of this agent that waits for a request for the certificate.
    async fn csr_job(&self, caller: &Caller, job: Option<&JobId>, certificate: Option<&CertificateId>) -> Result<Job> {
        if let Some(id) = job {
            let job = self.agent_job(caller, id).await?;
            return match JobKind::parse(&job.kind) {
                Some(kind @ (JobKind::Deployment | JobKind::TestTarget)) => Err(Error::conflict(
                    "not_awaiting_csr",
                    format!("job {id} is a {} and waits for no request", kind.as_str()),
                )),
                Some(JobKind::Issuance | JobKind::Renewal) | None => Ok(job),
            };
        }
        let certificate = certificate.ok_or_else(|| Error::invalid("job_id", "name the job the request is for"))?;
        let agent = caller.require_agent()?;
        let open = certctl_jobs::open_of_certificates(self.db(), &[certificate.to_string()]).await?;
        let mine: Vec<Job> = open
            .into_iter()
            .filter(|job| job.agent_id.as_deref() == Some(agent.as_str()) && job.state == State::AwaitingCsr)
            .collect();
        match <[Job; 1]>::try_from(mine) {
            Ok([job]) => Ok(job),
            Err(none) if none.is_empty() && !self.agent_serves(caller, certificate).await? => {
                self.agent_mismatch(caller, "certificate", certificate.as_str()).await
            }
            Err(_) => Err(Error::conflict(
                "not_awaiting_csr",
                format!("not exactly one job waits for a request of certificate {certificate}; name job_id"),
            )),
        }
    }

    async fn csr_again(&self, job: &Job, known: &Csr, csr: &Csr) -> Result<CsrAnswer> {
        if known.sha256() != csr.sha256() {
            return Err(Error::conflict(
                "another_csr_accepted",
                format!("another request was accepted for job {}", job.id),
            ));
        }
        let signed = certctl_store::versions::issued_of_job(self.db(), &job_id(job)?).await?;
        match signed.map(|version| version.state) {
            Some(VersionState::Issued) => Ok(CsrAnswer::Signed),
            Some(VersionState::Reserved | VersionState::Void) | None => match ended(job) {
                Some(error) => Err(error),
                None => Ok(CsrAnswer::Accepted),
            },
        }
    }

    async fn csr_run(&self, caller: &Caller, job: &Job, payload: IssuePayload, csr: &Csr) -> Result<CsrAnswer> {
        let now = self.now();
        let payload = payload.with_csr(csr).to_text();
        let mut unit = Unit::new();
        let held =
            lease::take_over(&mut unit, job, &payload, &self.settings().worker, self.lease_until(), now.unix_micros());
        let event = Event::new(Action::CsrSubmitted, &job.id)
            .with_some("certificate_id", job.certificate_id.as_deref())
            .with("spki_sha256", csr.public_key().spki_sha256_hex());
        self.audit(&mut unit, caller, event);
        self.commit(unit).await?;
        let taken =
            Job { payload, state: State::Running, attempt: held.attempt, lease_epoch: held.epoch, ..job.clone() };
        match self.issuance_run(&taken, &held).await? {
            Attempt::Issued(_) => Ok(CsrAnswer::Signed),
            Attempt::Stopped => Err(called_off(job)),
            Attempt::Waits => self.csr_kept(job, None).await,
            Attempt::Failed(failure) => self.csr_kept(job, Some(failure)).await,
        }
    }

    /// Accepted as long as the job goes on: for a person, the issuer or its next attempt. Otherwise what it ended with.
    async fn csr_kept(&self, job: &Job, failure: Option<Failure>) -> Result<CsrAnswer> {
        let after = certctl_jobs::job(self.db(), &job.id).await?.ok_or_else(|| Error::missing("job", &job.id))?;
        match (ended(&after), failure) {
            (None, _) => Ok(CsrAnswer::Accepted),
            (Some(_), Some(failure)) if after.state == State::Failed => Err(refused(failure)),
            (Some(error), _) => Err(error),
        }
    }

    /// Whether the calling agent has a target of the certificate.
    pub(crate) async fn agent_serves(&self, caller: &Caller, certificate: &CertificateId) -> Result<bool> {
        let agent = caller.require_agent()?;
        Ok(certctl_store::mappings::agents_of(self.db(), certificate).await?.contains(agent))
    }
}

/// What an agent hears of a job that ended without a certificate.
fn ended(job: &Job) -> Option<Error> {
    match job.state {
        State::Cancelled => Some(called_off(job)),
        State::Failed | State::Expired => {
            let reason = job.last_error.as_deref().unwrap_or("no reason is on record");
            Some(Error::conflict("job_ended", format!("job {} has {}: {reason}", job.id, job.state)))
        }
        State::Pending
        | State::AwaitingApproval
        | State::AwaitingCsr
        | State::Claimed
        | State::Running
        | State::AwaitingIssuer
        | State::Succeeded => None,
    }
}

fn refused(failure: Failure) -> Error {
    let kind = if failure.class == FailureClass::Validation {
        certctl_domain::refusal::Refusal::invalid("csr_pem", failure.message)
    } else {
        certctl_domain::refusal::Refusal::denied("csr_pem", failure.message)
    };
    Error::Refused(Refusals::from(kind))
}

/// A stated epoch is always checked; without one, the lease must be the caller's.
pub(super) fn lease_held(caller: &Caller, job: &Job, epoch: Option<i64>) -> Result<()> {
    let owner = job.lease_owner.as_deref() == Some(caller.actor.id.as_str());
    if owner && epoch.is_none_or(|epoch| epoch == job.lease_epoch) {
        return Ok(());
    }
    let message = format!("the lease on job {} is lost (epoch {} now); ask for work again", job.id, job.lease_epoch);
    Err(Error::Conflict {
        code: "lease_lost",
        message,
        details: vec![("lease_epoch".to_owned(), job.lease_epoch.to_string())],
    })
}
