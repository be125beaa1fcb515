//! Asking for a version: the first one, or the next.

use std::time::Duration;

use certctl_db::Unit;
use certctl_domain::approval;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Certificate, Holder, Identity};
use certctl_domain::ids::{CertificateId, JobId};
use certctl_domain::permission::Permission;
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::profile::Profile;
use certctl_domain::refusal::Refusals;
use certctl_domain::work::JobKind;
use certctl_jobs::{Executor, NewJob, State};
use certctl_pki::Csr;

use super::create::{Created, parse_csr};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::Subject;
use crate::payload::IssuePayload;
use crate::world::App;

/// A wake may be lost, and a job ends without one when it fails; look at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What an issuance starts from.
pub(crate) struct Start<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) identity: &'a Identity,
    pub(crate) policy: &'a RenewalPolicy,
    pub(crate) profile: &'a Profile,
    pub(crate) csr: Option<&'a Csr>,
}

/// What came of asking.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The jobs that make the versions, one for each key holder.
    pub job_ids: Vec<JobId>,
}

impl App {
    /// Asks for the next version of a certificate (the first one, where nothing was issued). With a CSR for the holder
    /// outside; without, for every agent that has a target of it.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] when archived, or when nobody can make the key; [`Error::Conflict`] when a job
    /// is open already, unless `force` asks for that job.
    pub async fn certificate_renew(
        &self,
        caller: &Caller,
        id: &CertificateId,
        csr_pem: Option<&str>,
        force: bool,
    ) -> Result<Renewed> {
        caller.require(Permission::CertIssue)?;
        let certificate = self.certificate_live(id).await?;
        let mut refusals = Refusals::new();
        let csr = parse_csr(csr_pem, &mut refusals);
        refusals.into_result()?;
        let policy = self.policy_for_issue(&certificate.renewal_policy_id).await?;
        let profile = self.profile_for_issue(certificate.certificate_profile_id.as_ref()).await?;
        self.engine_selectable(&certificate.issuer_id).await?;
        let identities = self.identities_to_renew(&certificate, csr.is_some()).await?;
        if identities.is_empty() {
            return Err(Error::invalid("csr_pem", "give a CSR, or map a target whose agent will make the key"));
        }
        let mut unit = Unit::new();
        let mut job_ids = Vec::new();
        for (identity, known) in &identities {
            if let Some(open) = self.open_issuance(&certificate.id, &identity.holder).await?
                && let Some(job) = self.renew_open(caller, &certificate, &open, csr.as_ref(), force).await?
            {
                job_ids.push(job);
                continue;
            }
            if !known {
                certctl_store::identities::insert(&mut unit, identity);
            }
            let start =
                Start { certificate: &certificate, identity, policy: &policy, profile: &profile, csr: csr.as_ref() };
            job_ids.push(self.issuance_enqueue(&mut unit, caller, &start));
        }
        let jobs: Vec<String> = job_ids.iter().map(ToString::to_string).collect();
        let event = Event::new(Action::RenewalTriggered, &certificate.id).with("job_ids", jobs).with("force", force);
        self.audit(&mut unit, caller, event);
        self.commit(unit).await?;
        Ok(Renewed { job_ids })
    }

    /// An open job: its CSR arrives, or it is what `force` asks for, or it is in the way.
    async fn renew_open(
        &self,
        caller: &Caller,
        certificate: &Certificate,
        open: &certctl_jobs::Job,
        csr: Option<&Csr>,
        force: bool,
    ) -> Result<Option<JobId>> {
        let id = JobId::parse(&open.id).map_err(|error| Error::bug("reading a job id", error))?;
        let payload = IssuePayload::read(open)?;
        if let (Some(csr), State::AwaitingCsr, None) = (csr, open.state, &payload.csr) {
            let mut unit = Unit::new();
            let payload = payload.with_csr(csr).to_text();
            certctl_jobs::lease::provide(&mut unit, open, &payload, self.now().unix_micros());
            let event = Event::new(Action::CsrSubmitted, &id)
                .with("certificate_id", certificate.id.as_str())
                .with("spki_sha256", csr.public_key().spki_sha256_hex());
            self.audit(&mut unit, caller, event);
            self.commit(unit).await?;
            return Ok(Some(id));
        }
        let carried = payload.csr()?;
        let brings_nothing_new = csr.is_none_or(|csr| carried.is_some_and(|carried| carried.sha256() == csr.sha256()));
        if force && brings_nothing_new {
            return Ok(Some(id));
        }
        let message = if force {
            format!("job {id} is under way with another request or none; cancel it to use this one")
        } else {
            format!("job {id} is already under way; watch it, or cancel it first")
        };
        Err(Error::Conflict {
            code: "renewal_in_progress",
            message,
            details: vec![("job_id".to_owned(), id.to_string())],
        })
    }

    /// Key holders a renewal is for, and whether each is on record.
    async fn identities_to_renew(&self, certificate: &Certificate, external: bool) -> Result<Vec<(Identity, bool)>> {
        let known = certctl_store::identities::of_certificate(self.db(), &certificate.id).await?;
        let mut holders = Vec::new();
        if external {
            holders.push(Holder::External);
        } else {
            let agents = certctl_store::mappings::agents_of(self.db(), &certificate.id).await?;
            holders.extend(agents.into_iter().map(Holder::Agent));
            let outside = known
                .iter()
                .any(|identity| identity.holder == Holder::External && identity.current_version_id.is_some());
            if outside {
                holders.push(Holder::External);
            }
        }
        Ok(holders
            .into_iter()
            .map(|holder| match known.iter().find(|identity| identity.holder == holder) {
                Some(identity) => (identity.clone(), true),
                None => (crate::certificates::identity(&certificate.id, holder), false),
            })
            .collect())
    }

    pub(crate) async fn open_issuance(&self, id: &CertificateId, holder: &Holder) -> Result<Option<certctl_jobs::Job>> {
        let open = certctl_jobs::open_of_certificates(self.db(), &[id.to_string()]).await?;
        for job in open {
            if job.kind != JobKind::Deployment.as_str() && IssuePayload::read(&job)?.holder == holder.as_str() {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// Adds the job that makes the next version of an identity, in the state it starts in: approval first, then the CSR,
    /// then the work.
    pub(crate) fn issuance_enqueue(&self, unit: &mut Unit, caller: &Caller, start: &Start<'_>) -> JobId {
        let id = JobId::new(self.ids().ulid());
        let gated = approval::required(Some(start.profile));
        let state = if gated {
            State::AwaitingApproval
        } else if start.csr.is_none() {
            State::AwaitingCsr
        } else {
            State::Pending
        };
        let payload = IssuePayload {
            holder: start.identity.holder.as_str().to_owned(),
            requested_by: caller.actor.id.clone(),
            base_version: start.identity.current_version_id.clone(),
            csr: None,
            version_id: None,
        };
        let payload = match start.csr {
            Some(csr) => payload.with_csr(csr),
            None => payload,
        };
        let job = new_job(self, start, id.clone(), state, payload, job_key(start.identity));
        certctl_jobs::enqueue(unit, job, self.now().unix_micros());
        if gated {
            let subject = Subject {
                certificate: start.certificate,
                profile: start.profile,
                holder: &start.identity.holder,
                csr: start.csr,
            };
            self.gate_ask(unit, &id, &subject, caller);
        }
        id
    }

    /// Waits a while for a job that was just asked for, so that a quick issuer is answered at once.
    pub(crate) async fn created_within(&self, certificate: Certificate, job: JobId) -> Result<Created> {
        let within = self.settings().answer_within;
        let (deadline, last_look) = (tokio::time::Instant::now() + within, (self.now() + within).unix_micros());
        let mut wakes = self.db().notifier().subscribe();
        let topic = issued_topic(&job);
        loop {
            let late = tokio::time::Instant::now() >= deadline;
            // Before the version: a job that has ended by now has one.
            let now = certctl_jobs::job(self.db(), job.as_str()).await?;
            let version = certctl_store::versions::issued_of_job(self.db(), &job).await?;
            if let Some(version) = version {
                let certificate = certctl_store::certificates::after_issue(certificate, &version, self.now());
                return Ok(Created { certificate, version: Some(version), job_id: Some(job), renew_at: None });
            }
            let works = now.is_some_and(|job| match job.state {
                State::Pending | State::Claimed | State::Running => true,
                State::AwaitingIssuer => job.not_before <= last_look,
                State::AwaitingApproval
                | State::AwaitingCsr
                | State::Succeeded
                | State::Failed
                | State::Expired
                | State::Cancelled => false,
            });
            if !works || late {
                return Ok(Created { certificate, version: None, job_id: Some(job), renew_at: None });
            }
            let until = deadline.min(tokio::time::Instant::now() + LOOK_EVERY);
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = crate::wake::heard(&mut wakes, &topic) => {}
            }
        }
    }
}

/// Topic of the wake for whoever waits for what a job issues.
pub(crate) fn issued_topic(job: &JobId) -> String {
    format!("issued:{job}")
}

/// One open job for an identity and the version it replaces (rulings §4).
pub(crate) fn job_key(identity: &Identity) -> String {
    let base = identity.current_version_id.as_ref().map_or("", |id| id.as_str());
    format!("renew:{}:{}:{base}", identity.certificate_id, identity.holder.as_str())
}

pub(crate) fn new_job(
    app: &App,
    start: &Start<'_>,
    id: JobId,
    state: State,
    payload: IssuePayload,
    key: String,
) -> NewJob {
    let kind = if start.identity.current_version_id.is_some() { JobKind::Renewal } else { JobKind::Issuance };
    let waits_for_agent = start.csr.is_none() && start.identity.holder.agent().is_some();
    let now = app.now().unix_micros();
    NewJob {
        id: id.to_string(),
        kind: kind.as_str(),
        executor: if waits_for_agent { Executor::Agent } else { Executor::Server },
        agent_id: start.identity.holder.agent().map(ToString::to_string),
        certificate_id: Some(start.certificate.id.to_string()),
        target_id: None,
        state,
        payload: payload.to_text(),
        max_attempts: i64::from(start.policy.max_retries) + 1,
        retry_seconds: i64::from(start.policy.retry_interval_seconds),
        priority: 0,
        not_before: now,
        idempotency_key: key,
        parent_job_id: None,
    }
}
