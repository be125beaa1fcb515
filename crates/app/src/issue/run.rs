//! One attempt of an issuance job, from wherever the last one stopped. Run by the worker that holds the lease: a request that
//! brought the CSR, or the runner.

use std::time::Duration;

use certctl_connector::{Engine, IssueRequest, Issued, Outcome, OwnCa};
use certctl_db::{DbError, Unit};
use certctl_domain::certificate::{Certificate, Holder, Identity, Version};
use certctl_domain::ids::{CertificateId, JobId};
use certctl_domain::profile::Profile;
use certctl_domain::target::Mapping;
use certctl_domain::work::FailureClass;
use certctl_jobs::lease::{self, Failure as JobFailure, Wait};
use certctl_jobs::{Job, Lease, State};
use certctl_pki::{Certificate as Certificate509, ExtendedKeyUsage, Timestamp};

use super::gate::Subject;
use super::settle::{BackTo, FailedAttempt, Signed};
use super::{Ask, Failure, Gate, Plan, Step};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::payload::IssuePayload;
use crate::world::App;

/// An issuer counts a lifetime from its own clock.
const LATER_AT_MOST: Duration = Duration::from_secs(300);

/// Where an attempt ended.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Everything is on record.
    Issued(Box<Version>),
    /// The job waits: for a person, a CSR, the issuer or its next attempt.
    Waits,
    /// The job ended for good, or has another attempt before it.
    Failed(Failure),
    /// Somebody called the job off.
    Stopped,
}

/// What an attempt starts from.
struct Facts {
    job_id: JobId,
    certificate: Certificate,
    identity: Option<Identity>,
    payload: IssuePayload,
    holder: Holder,
}

impl App {
    /// Runs one attempt of a claimed issuance or renewal job.
    pub(crate) async fn issuance_run(&self, job: &Job, lease: &Lease) -> Result<Attempt> {
        let facts = self.issuance_facts(job).await?;
        let reserved = certctl_store::versions::reserved_of_job(self.db(), &facts.job_id).await?;
        if job.cancel_requested {
            return self.issuance_stop(lease, reserved.as_ref()).await;
        }
        let attempt =
            self.kept(lease, Box::pin(self.issuance_attempt(job.state, lease, &facts, reserved.as_ref()))).await;
        let ended = match attempt {
            Ok(attempt) => attempt,
            Err(failure) => self.issuance_failed(job, lease, &facts, failure).await?,
        };
        if !matches!(ended, Attempt::Issued(_)) {
            self.cancel_asked(&facts.job_id).await?;
        }
        Ok(ended)
    }

    /// Somebody wants the job to stop. An order that lies outside is seen to its end by the reconciler.
    async fn issuance_stop(&self, lease: &Lease, reserved: Option<&Version>) -> Result<Attempt> {
        let mut unit = Unit::new();
        lease::stop(&mut unit, lease, &called_off(), self.now().unix_micros());
        if let Some(version) = reserved.filter(|version| version.order_ref.is_none()) {
            self.void_into(&mut unit, version, "the job was cancelled");
        }
        self.commit(unit).await?;
        Ok(Attempt::Stopped)
    }

    /// Does the work and keeps its lease meanwhile. A lease that is lost all the same is noticed by the next commit, which fails.
    async fn kept<T>(&self, lease: &Lease, work: impl Future<Output = T>) -> T {
        let every = self.settings().lease / 3;
        let keep = async {
            loop {
                tokio::time::sleep(every).await;
                match lease::extend_lease(self.db(), lease, self.lease_until()).await {
                    Ok(()) => {}
                    Err(DbError::Moved { .. }) => return std::future::pending().await,
                    Err(error) => {
                        tracing::warn!(job.id = %lease.job_id, "keeping the lease of {}: {error}", lease.job_id)
                    }
                }
            }
        };
        tokio::select! {
            done = work => done,
            never = keep => never,
        }
    }

    async fn issuance_facts(&self, job: &Job) -> Result<Facts> {
        let job_id = JobId::parse(&job.id).map_err(|error| Error::bug("reading a job id", error))?;
        let payload = IssuePayload::read(job)?;
        let holder = payload.holder()?;
        let id =
            job.certificate_id.as_deref().ok_or_else(|| Error::internal("an issuance job names no certificate"))?;
        let id = CertificateId::parse(id).map_err(|error| Error::bug("reading a certificate id", error))?;
        let certificate = certctl_store::certificates::get(self.db(), &id).await?;
        let certificate = certificate.ok_or_else(|| Error::missing("certificate", &id))?;
        let identity = certctl_store::identities::get(self.db(), &id, &holder).await?;
        Ok(Facts { job_id, certificate, identity, payload, holder })
    }

    async fn issuance_attempt(
        &self,
        state: State,
        lease: &Lease,
        facts: &Facts,
        reserved: Option<&Version>,
    ) -> Result<Attempt, Failure> {
        if facts.certificate.archived_at.is_some() {
            return Err(Failure::new(FailureClass::Rejected, "the certificate was archived"));
        }
        let profile = self.profile_for_issue(facts.certificate.certificate_profile_id.as_ref()).await?;
        let policy = self.policy_for_issue(&facts.certificate.renewal_policy_id).await?;
        let engine = self.engine_selectable(&facts.certificate.issuer_id).await?;
        let csr = facts.payload.csr()?;
        let subject =
            Subject { certificate: &facts.certificate, profile: &profile, holder: &facts.holder, csr: csr.as_ref() };
        let approval = match self.gate(&facts.job_id, &subject).await? {
            Gate::Open => None,
            Gate::Approved(approval) => Some(approval),
            Gate::Ask | Gate::Waiting => {
                let mut unit = Unit::new();
                self.gate_ask(&mut unit, &facts.job_id, &subject, &Caller::system("scheduler"));
                let now = self.now().unix_micros();
                lease::wait_for(&mut unit, lease, Wait::Approval, now, now);
                self.commit(unit).await?;
                return Ok(Attempt::Waits);
            }
        };
        let Some(csr) = csr else {
            return Err(Failure::new(FailureClass::Internal, "the job was run before its request arrived"));
        };
        let ask = Ask {
            certificate: facts.certificate.clone(),
            policy,
            profile,
            engine,
            holder: facts.holder.clone(),
            csr,
            requested_by: facts.payload.requested_by.clone(),
            job_id: facts.job_id.clone(),
            only_holder: false,
        };
        let mut unit = Unit::new();
        if let Some(approval) = approval {
            certctl_store::approvals::consume(&mut unit, &approval.id, self.now());
        }
        self.issuance_plan(state, lease, ask, unit, reserved).await
    }

    async fn issuance_plan(
        &self,
        state: State,
        lease: &Lease,
        ask: Ask,
        mut unit: Unit,
        reserved: Option<&Version>,
    ) -> Result<Attempt, Failure> {
        match (ask.engine.clone().as_ref(), reserved) {
            // A CA of ours signed at most for us, and nobody received it: the serial is burned and a fresh one taken.
            (Engine::Own(_), Some(version)) => {
                self.void_into(&mut unit, version, "the process stopped before the signature was recorded");
                self.issuance_own(lease, ask, unit).await
            }
            (Engine::Own(_), None) => self.issuance_own(lease, ask, unit).await,
            (Engine::External { issuer, .. }, reserved) => {
                self.issuance_order(state, lease, ask, issuer.as_ref(), unit, reserved).await
            }
        }
    }

    async fn issuance_own(&self, lease: &Lease, ask: Ask, mut unit: Unit) -> Result<Attempt, Failure> {
        let plan = Plan::make(self, ask, self.now())?;
        certctl_store::versions::insert(&mut unit, &plan.version);
        // Whoever has lost the job reserves nothing for it.
        lease::extend(&mut unit, lease, self.lease_until());
        self.commit(unit).await?;
        self.issuance_sign(&plan, lease, &Caller::system("issue"))
            .await
            .map(|version| Attempt::Issued(Box::new(version)))
    }

    /// Signs a reserved plan with a CA of ours and commits everything that follows.
    pub(crate) async fn issuance_sign(&self, plan: &Plan, lease: &Lease, caller: &Caller) -> Result<Version, Failure> {
        Step::Reserved.reached();
        let Engine::Own(ca) = plan.ask.engine.as_ref() else {
            return Err(Failure::new(FailureClass::Internal, "an external issuer has no key of ours"));
        };
        let signed = sign(ca, plan).await?;
        Step::Signed.reached();
        self.issuance_commit(plan, &signed, lease, caller).await
    }

    pub(crate) async fn issuance_commit(
        &self,
        plan: &Plan,
        signed: &Signed,
        lease: &Lease,
        caller: &Caller,
    ) -> Result<Version, Failure> {
        let mappings = self.mappings_of(&plan.ask).await?;
        let (unit, version) = self.settle_issued(caller, plan, signed, lease, &mappings);
        self.commit(unit).await?;
        Step::Committed.reached();
        metrics::counter!("certctl_issuance_total", "issuer_type" => plan.ask.engine.kind(), "outcome" => "success")
            .increment(1);
        Ok(version)
    }

    async fn mappings_of(&self, ask: &Ask) -> Result<Vec<Mapping>> {
        match &ask.holder {
            Holder::External => Ok(Vec::new()),
            Holder::Agent(agent) => Ok(certctl_store::mappings::of_agent(self.db(), &ask.certificate.id, agent).await?),
        }
    }

    async fn issuance_failed(&self, job: &Job, lease: &Lease, facts: &Facts, failure: Failure) -> Result<Attempt> {
        tracing::warn!(job.id = %job.id, certificate.id = %facts.certificate.id, class = failure.class.as_str(), "issuance of {} failed: {}", facts.certificate.id, failure.message);
        let kind = self.engine(&facts.certificate.issuer_id).await.map_or("unknown", |engine| engine.kind());
        metrics::counter!("certctl_issuance_total", "issuer_type" => kind, "outcome" => "failure").increment(1);
        metrics::counter!("certctl_issuance_failures_total", "issuer_type" => kind, "error_class" => failure.class.as_str()).increment(1);
        let policy = self.policy_for_issue(&facts.certificate.renewal_policy_id).await?;
        let still = certctl_store::versions::reserved_of_job(self.db(), &facts.job_id).await?;
        let attempt = FailedAttempt {
            certificate: &facts.certificate,
            identity: facts.identity.as_ref(),
            policy: &policy,
            lease,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            back_to: match (job.state, &facts.payload.csr) {
                (State::AwaitingIssuer, _) => BackTo::Issuer,
                (_, Some(_)) => BackTo::Work,
                (_, None) => BackTo::Request,
            },
            reserved: still.as_ref(),
        };
        let unit = self.settle_failed(&attempt, &failure);
        self.commit(unit).await?;
        Ok(Attempt::Failed(failure))
    }
}

/// Why a job ended that somebody wanted to stop.
pub(crate) fn called_off() -> JobFailure {
    let error = "called off while it was worked on".to_owned();
    JobFailure { class: FailureClass::Rejected.as_str().to_owned(), error }
}

async fn sign(ca: &OwnCa, plan: &Plan) -> Result<Signed, Failure> {
    let tbs =
        plan.tbs.as_ref().ok_or_else(|| Failure::new(FailureClass::Internal, "nothing was built to be signed"))?;
    let signature = ca.signer.sign(tbs.der()).await?;
    let certificate =
        tbs.clone().finish(&signature).map_err(|error| Failure::new(FailureClass::Internal, error.to_string()))?;
    Ok(Signed { certificate, chain_pem: ca.chain_pem.clone() })
}

/// What an external issuer returned, judged against what was asked (connectors §9-23).
pub(crate) fn accept(plan: &Plan, issued: &Issued, now: Timestamp) -> Result<Signed, Failure> {
    match deviation(plan, issued, now) {
        None => {
            Ok(Signed { certificate: issued.leaf.clone(), chain_pem: certctl_pki::pem::to_pem_chain(&issued.chain) })
        }
        Some(what) => {
            let message = format!("the issuer answered with another certificate than was asked: {what}");
            let refused = Some(Box::new(issued.leaf.clone()));
            Err(Failure { refused, ..Failure::new(FailureClass::Rejected, message) })
        }
    }
}

/// How a certificate differs from what was asked: a name or a use too many serves somebody else, one too few serves nobody.
fn deviation(plan: &Plan, issued: &Issued, now: Timestamp) -> Option<String> {
    let leaf = &issued.leaf;
    if leaf.public_key().spki_sha256_hex() != plan.version.spki_sha256 {
        return Some("the key is not the request's".to_owned());
    }
    if leaf.is_ca() {
        return Some("it is a CA".to_owned());
    }
    if let Some(missing) = plan.spec.sans().iter().find(|san| !leaf.sans().contains(san)) {
        return Some(format!("{missing} is missing"));
    }
    if let Some(extra) = leaf.sans().iter().find(|san| !plan.spec.sans().contains(san)) {
        return Some(format!("{extra} was not asked for"));
    }
    let asked = usages(&plan.ask.profile);
    if leaf.extended_key_usages().is_empty() && !asked.is_empty() {
        return Some("it has no extended key usage and so serves any".to_owned());
    }
    if let Some(extra) = leaf.extended_key_usages().iter().find(|usage| !asked.contains(usage)) {
        return Some(format!("the extended key usage {extra} was not asked for"));
    }
    if leaf.not_after() <= now {
        return Some("it is expired".to_owned());
    }
    if leaf.not_before() > now + LATER_AT_MOST {
        return Some(format!("it begins only {}", leaf.not_before().to_rfc3339()));
    }
    let path: Vec<&Certificate509> = std::iter::once(leaf).chain(&issued.chain).collect();
    if path.windows(2).any(|pair| pair[0].verify_issued_by(pair[1]).is_err()) {
        return Some("the chain beside it is of another issuer".to_owned());
    }
    let bound =
        matches!(plan.ask.engine.as_ref(), Engine::External { issuer, .. } if issuer.capabilities().honours_validity);
    if bound && leaf.not_after() > plan.spec.not_after() + LATER_AT_MOST {
        return Some(format!(
            "it ends {}, later than {}",
            leaf.not_after().to_rfc3339(),
            plan.spec.not_after().to_rfc3339()
        ));
    }
    None
}

fn usages(profile: &Profile) -> Vec<ExtendedKeyUsage> {
    profile.rules.allowed_ekus.iter().copied().map(super::plan::usage).collect()
}

pub(crate) fn issue_request(plan: &Plan) -> IssueRequest {
    IssueRequest {
        csr: plan.ask.csr.clone(),
        common_name: plan.spec.common_name().to_owned(),
        sans: plan.spec.sans().to_vec(),
        extended_key_usages: usages(&plan.ask.profile),
        not_before: plan.spec.not_before(),
        not_after: plan.spec.not_after(),
        must_staple: plan.ask.profile.rules.must_staple,
    }
}

pub(crate) fn outcome_of(
    plan: &Plan,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Result<Signed, (String, std::time::Duration)>, Failure> {
    match outcome {
        Outcome::Issued(issued) => accept(plan, &issued, now).map(Ok),
        Outcome::Pending { order, poll_after } => Ok(Err((order.to_string(), poll_after))),
    }
}

impl App {
    /// An agent reports that it could not make a request for a leased job.
    pub(crate) async fn issuance_reported_failed(&self, job: &Job, lease: &Lease, failure: Failure) -> Result<()> {
        let facts = self.issuance_facts(job).await?;
        self.issuance_failed(job, lease, &facts, failure).await.map(|_| ())
    }
}
