//! What became of work: a deployment is done when a handshake returned the desired certificate, and not before.

use certctl_connector::ErrorClass;
use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Certificate;
use certctl_domain::ids::{CertificateId, JobId, TargetId};
use certctl_domain::renewal;
use certctl_domain::target::{Mapping, MappingState, VerifyStatus};
use certctl_domain::work::{FailureClass, JobKind};
use certctl_jobs::lease::{self, Failure as JobFailure};
use certctl_jobs::{Job, Lease, State};
use certctl_store::runs::Run;
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::csr::lease_held;
use super::job_id;
use super::verify::{not_served, with_handshake};
use crate::caller::Caller;
use crate::edit::anew;
use crate::error::{Error, Result};
use crate::issue::Failure;
use crate::reconcile::deploy::slow_retry;
use crate::world::App;

/// What an agent reports.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Why it failed.
    pub error: Option<String>,
    /// The epoch of the lease it worked under; absent for agents that know none.
    pub lease_epoch: Option<i64>,
    /// Class of the failure, a word of the connectors.
    pub error_class: Option<String>,
    /// The steps taken.
    pub steps: Vec<Step>,
    /// What a handshake returned at the end, SHA-256, lower-case hex.
    pub served_fingerprint: Option<String>,
    /// What was in place before.
    pub previous_fingerprint: Option<String>,
    /// What is in place now.
    pub deployed_fingerprint: Option<String>,
    /// How long it took, milliseconds.
    pub duration_ms: Option<i64>,
    /// Whether the former files were put back.
    pub rolled_back: Option<bool>,
}

/// One step of a deployment, or one check of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How long it took, milliseconds.
    pub ms: i64,
    /// How it ended.
    pub outcome: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl App {
    /// The agent works on it, still: its lease lasts on.
    ///
    /// # Errors
    /// [`Error::Missing`] for a job of another agent; [`Error::Conflict`] when the lease is lost, or somebody wants the job to
    /// stop: an agent that has not begun does not begin then, one that has begun finishes and reports.
    pub async fn agent_job_running(&self, caller: &Caller, id: &JobId, lease_epoch: Option<i64>) -> Result<()> {
        anew(|| self.job_running(caller, id, lease_epoch).boxed()).await
    }

    async fn job_running(&self, caller: &Caller, id: &JobId, lease_epoch: Option<i64>) -> Result<()> {
        self.agent_alive(caller).await?;
        let job = self.agent_job(caller, id).await?;
        lease_held(caller, &job, lease_epoch)?;
        let held = job.lease().ok_or_else(lease_gone)?;
        let now = self.now();
        let mut unit = Unit::new();
        if job.cancel_requested && job.state == State::Claimed {
            let unbegun =
                JobFailure { class: FailureClass::Rejected.as_str().to_owned(), error: CALLED_OFF.to_owned() };
            lease::stop(&mut unit, &held, &unbegun, now.unix_micros());
            self.commit(unit).await?;
            return Err(called_off(&job));
        }
        if job.state == State::Claimed {
            lease::start(&mut unit, &held, now.unix_micros());
        }
        lease::extend(&mut unit, &held, (now + self.settings().agent_lease).unix_micros());
        self.commit(unit).await?;
        if job.cancel_requested { Err(called_off(&job)) } else { Ok(()) }
    }

    /// The agent is done. Saying it again changes nothing.
    ///
    /// # Errors
    /// As [`App::agent_job_running`].
    pub async fn agent_job_completed(&self, caller: &Caller, id: &JobId, report: &Report) -> Result<()> {
        anew(|| self.job_completed(caller, id, report).boxed()).await
    }

    async fn job_completed(&self, caller: &Caller, id: &JobId, report: &Report) -> Result<()> {
        self.agent_alive(caller).await?;
        let job = self.agent_job(caller, id).await?;
        if job.state == State::Succeeded {
            return Ok(());
        }
        match JobKind::parse(&job.kind) {
            Some(JobKind::Deployment) => {}
            Some(JobKind::TestTarget) => return self.test_reported(caller, &job, report, None).await,
            Some(JobKind::Issuance | JobKind::Renewal) | None => {
                return Err(Error::conflict("not_a_deployment", format!("job {id} ends when its request is signed")));
            }
        }
        lease_held(caller, &job, report.lease_epoch)?;
        let facts = self.deployment_facts(&job).await?;
        let report = with_handshake(report, &facts.run);
        match not_served(&report, &facts.run) {
            Some(message) => {
                let failed = Report { error: Some(message), error_class: Some("target_verify".to_owned()), ..report };
                self.deployment_failed(caller, &job, facts, &failed).await
            }
            None => self.deployment_done(caller, &job, facts, &report).await,
        }
    }

    /// The agent could not do it.
    ///
    /// # Errors
    /// As [`App::agent_job_running`].
    pub async fn agent_job_failed(&self, caller: &Caller, id: &JobId, report: &Report) -> Result<()> {
        anew(|| self.job_failed(caller, id, report).boxed()).await
    }

    async fn job_failed(&self, caller: &Caller, id: &JobId, report: &Report) -> Result<()> {
        self.agent_alive(caller).await?;
        let job = self.agent_job(caller, id).await?;
        if job.state.is_terminal() || (job.state == State::Pending && job.last_error.is_some()) {
            return Ok(());
        }
        lease_held(caller, &job, report.lease_epoch)?;
        if job.kind == JobKind::Deployment.as_str() {
            let facts = self.deployment_facts(&job).await?;
            return self.deployment_failed(caller, &job, facts, report).await;
        }
        let held = job.lease().ok_or_else(lease_gone)?;
        let failure = Failure::new(
            failure_class(report.error_class.as_deref()),
            report.error.clone().unwrap_or_else(|| "the agent gave no reason".to_owned()),
        );
        match JobKind::parse(&job.kind) {
            Some(JobKind::TestTarget) => self.test_reported(caller, &job, report, Some(&failure)).await,
            Some(JobKind::Issuance | JobKind::Renewal | JobKind::Deployment) | None if job.cancel_requested => {
                self.request_cancelled(&job, &held, &failure).await
            }
            Some(JobKind::Issuance | JobKind::Renewal | JobKind::Deployment) | None => {
                self.issuance_reported_failed(&job, &held, failure).await
            }
        }
    }

    /// The agent could not make the request of a job that is wanted no more.
    async fn request_cancelled(&self, job: &Job, held: &Lease, failure: &Failure) -> Result<()> {
        let mut unit = Unit::new();
        lease::stop(&mut unit, held, &stopped(failure.class, &failure.message), self.now().unix_micros());
        if let Some(version) = certctl_store::versions::reserved_of_job(self.db(), &job_id(job)?).await? {
            self.void_into(&mut unit, &version, "the job was cancelled");
        }
        self.commit(unit).await
    }

    pub(super) async fn deployment_facts(&self, job: &Job) -> Result<Deployed> {
        let id = job_id(job)?;
        let run = certctl_store::runs::get(self.db(), &id)
            .await?
            .ok_or_else(|| Error::conflict("not_started", format!("job {id} was not handed out yet")))?;
        let certificate = certctl_store::certificates::get(self.db(), &run.certificate_id).await?;
        let certificate = certificate.ok_or_else(|| Error::missing("certificate", &run.certificate_id))?;
        let mapping = certctl_store::mappings::get(self.db(), &run.certificate_id, &run.target_id).await?;
        Ok(Deployed { run, certificate, mapping })
    }

    async fn deployment_done(&self, caller: &Caller, job: &Job, facts: Deployed, report: &Report) -> Result<()> {
        let now = self.now();
        let verified = report.served_fingerprint.is_some();
        let status = if verified { VerifyStatus::Success } else { VerifyStatus::Skipped };
        let mut unit = Unit::new();
        let run = Run {
            outcome: Some("completed".to_owned()),
            verify_status: status,
            verified_at: verified.then_some(now),
            ..reported(facts.run, report)
        };
        certctl_store::runs::report(&mut unit, &run);
        let state = if verified { MappingState::Verified } else { MappingState::NotVerified };
        // A mapping that was sent back to pending meanwhile, as when its target changed, stays there and is installed anew.
        let done = |mapping: &Mapping| wants(mapping, &run) && mapping.state.may_become(state);
        let moving = facts.mapping.filter(done);
        let proven = verified && moving.is_some();
        if let Some(mapping) = moving {
            let after = Mapping {
                deployed_version_id: Some(run.version_id.clone()),
                deployed_at: Some(now),
                served_fingerprint: report.served_fingerprint.clone(),
                state,
                last_error: None,
                verify_status: status,
                verified_at: verified.then_some(now),
                next_attempt_at: None,
                failures: 0,
                ..mapping.clone()
            };
            certctl_store::mappings::advance(&mut unit, &mapping, &after);
            certctl_store::certificates::record_deployed(&mut unit, &facts.certificate.id, now);
        }
        if let Some(held) = job.lease() {
            lease::succeed(&mut unit, &held, now.unix_micros());
        }
        let action = if proven { Action::DeploymentVerified } else { Action::DeploymentInstalled };
        let event = Event::new(action, &job.id)
            .with("certificate_id", facts.certificate.id.as_str())
            .with("target_id", run.target_id.as_str())
            .with("version_id", run.version_id.as_str())
            .with("verified", verified)
            .with_some("served_fingerprint", report.served_fingerprint.as_deref());
        self.audit(&mut unit, caller, event);
        if proven {
            self.announce(&mut unit, "deployment.done", facts.certificate.id.as_str());
        }
        self.commit(unit).await?;
        self.deploy_counted(&run, "success").await;
        Ok(())
    }

    async fn deployment_failed(&self, caller: &Caller, job: &Job, facts: Deployed, report: &Report) -> Result<()> {
        let message = report.error.clone().unwrap_or_else(|| "the agent gave no reason".to_owned());
        let class = failure_class(report.error_class.as_deref());
        let held = job.lease().ok_or_else(lease_gone)?;
        let mut unit = Unit::new();
        let verify = if report.error_class.as_deref() == Some("target_verify") {
            VerifyStatus::Failed
        } else {
            VerifyStatus::Pending
        };
        let run = Run {
            outcome: Some("failed".to_owned()),
            verify_status: verify,
            verify_error: Some(message.clone()),
            ..reported(facts.run.clone(), report)
        };
        certctl_store::runs::report(&mut unit, &run);
        let again = self.attempt_failed(&mut unit, job, &held, Some(&facts.certificate), class, &message);
        if let Some(mapping) = facts.mapping.as_ref().filter(|mapping| wants(mapping, &run)) {
            self.mapping_failed(&mut unit, mapping, &Failed { message: &message, verify, again, run: Some(&run) });
        }
        let event = Event::new(Action::DeploymentFailed, &job.id)
            .with("certificate_id", facts.certificate.id.as_str())
            .with("target_id", run.target_id.as_str())
            .with("error", message.as_str())
            .with("error_class", class.as_str())
            .with("rolled_back", report.rolled_back.unwrap_or(false))
            .with("final", !again);
        self.audit(&mut unit, caller, event);
        if !again {
            self.announce(&mut unit, "deployment.failed", facts.certificate.id.as_str());
        }
        self.commit(unit).await?;
        if again {
            self.cancel_asked(&run.job_id).await?;
        }
        self.deploy_counted(&run, "failure").await;
        Ok(())
    }

    /// Ends or postpones the job of a deployment after an attempt that failed; true when it is tried again, as it is not when
    /// somebody wants it to stop.
    fn attempt_failed(
        &self,
        unit: &mut Unit,
        job: &Job,
        held: &Lease,
        certificate: Option<&Certificate>,
        class: FailureClass,
        message: &str,
    ) -> bool {
        let now = self.now();
        if job.cancel_requested {
            lease::stop(unit, held, &stopped(class, message), now.unix_micros());
            return false;
        }
        let ended = JobFailure { class: class.as_str().to_owned(), error: message.to_owned() };
        let again = class.is_retryable() && !job.is_exhausted();
        if again {
            let attempt = u32::try_from(job.attempt).unwrap_or(u32::MAX);
            let interval = Duration::from_secs(u64::try_from(job.retry_seconds).unwrap_or(60));
            let remaining = certificate.and_then(|certificate| certificate.not_after);
            let remaining = remaining.map(|end| end.duration_since(now));
            let at = now + renewal::backoff(attempt, interval, remaining, self.spread());
            lease::retry(unit, held, &ended, at.unix_micros(), now.unix_micros());
        } else {
            lease::fail(unit, held, &ended, now.unix_micros());
        }
        again
    }

    pub(super) fn mapping_failed(&self, unit: &mut Unit, mapping: &Mapping, failed: &Failed<'_>) {
        let now = self.now();
        let failures = if failed.again { mapping.failures } else { mapping.failures + 1 };
        let next = if failed.again { now + crate::reconcile::deploy::LOOK_AGAIN } else { now + slow_retry(failures) };
        let served = failed.run.and_then(|run| run.served_fingerprint.clone());
        let after = Mapping {
            served_fingerprint: served.or_else(|| mapping.served_fingerprint.clone()),
            state: MappingState::Failed,
            last_error: Some(failed.message.to_owned()),
            verify_status: failed.verify,
            next_attempt_at: Some(next),
            failures,
            ..mapping.clone()
        };
        certctl_store::mappings::advance(unit, mapping, &after);
    }

    /// A deployment whose worker fell silent once too often.
    pub(crate) async fn deployment_exhausted_into(&self, unit: &mut Unit, job: &Job, message: &str) -> Result<()> {
        let id = job_id(job)?;
        let Some(run) = certctl_store::runs::get(self.db(), &id).await? else { return Ok(()) };
        let mapping = certctl_store::mappings::get(self.db(), &run.certificate_id, &run.target_id).await?;
        if let Some(mapping) = mapping.filter(|mapping| wants(mapping, &run)) {
            let failed = Failed { message, verify: VerifyStatus::Pending, again: false, run: Some(&run) };
            self.mapping_failed(unit, &mapping, &failed);
        }
        let event = Event::new(Action::DeploymentFailed, &job.id)
            .with("certificate_id", run.certificate_id.as_str())
            .with("target_id", run.target_id.as_str())
            .with("error", message)
            .with("final", true);
        self.audit(unit, &Caller::system("recover"), event);
        self.announce(unit, "deployment.failed", run.certificate_id.as_str());
        Ok(())
    }

    /// A leased deployment that cannot be handed out: an attempt that failed, with its reason.
    pub(super) async fn deployment_unbuilt(&self, job: &Job, held: &Lease, failure: &Failure) -> Result<()> {
        let certificate = match &job.certificate_id {
            Some(id) => CertificateId::parse(id).ok(),
            None => None,
        };
        let target = job.target_id.as_deref().and_then(|id| TargetId::parse(id).ok());
        let mapping = match (&certificate, &target) {
            (Some(certificate), Some(target)) => certctl_store::mappings::get(self.db(), certificate, target).await?,
            (None, _) | (_, None) => None,
        };
        let mut unit = Unit::new();
        let again = self.attempt_failed(&mut unit, job, held, None, failure.class, &failure.message);
        // Whatever version the job was for: no other job of the mapping is open beside it.
        if let Some(mapping) = mapping.filter(|mapping| mapping.state.may_become(MappingState::Failed)) {
            let failed = Failed { message: &failure.message, verify: VerifyStatus::Pending, again, run: None };
            self.mapping_failed(&mut unit, &mapping, &failed);
        }
        let event = Event::new(Action::DeploymentFailed, &job.id)
            .with_some("certificate_id", job.certificate_id.as_deref())
            .with_some("target_id", job.target_id.as_deref())
            .with("error", failure.message.as_str())
            .with("error_class", failure.class.as_str())
            .with("final", !again);
        self.audit(&mut unit, &Caller::system("work"), event);
        if !again {
            self.announce(&mut unit, "deployment.failed", job.certificate_id.as_deref().unwrap_or(&job.id));
        }
        self.commit_or_moved(unit).await.map(|_| ())
    }

    async fn deploy_counted(&self, run: &Run, result: &'static str) {
        let kind = match certctl_store::targets::get(self.db(), &run.target_id).await {
            Ok(Some(target)) => target.kind,
            Ok(None) | Err(_) => "unknown".to_owned(),
        };
        metrics::counter!("certctl_deploy_attempts_total", "target_type" => kind.clone(), "result" => result)
            .increment(1);
        if run.rolled_back == Some(true) {
            metrics::counter!("certctl_deploy_rollback_total", "target_type" => kind, "outcome" => "restored")
                .increment(1);
        }
    }
}

/// A deployment with everything it touches.
pub(super) struct Deployed {
    pub(super) run: Run,
    pub(super) certificate: Certificate,
    pub(super) mapping: Option<Mapping>,
}

/// What a mapping is told of an attempt that failed.
pub(super) struct Failed<'a> {
    pub(super) message: &'a str,
    pub(super) verify: VerifyStatus,
    /// The same job tries again.
    pub(super) again: bool,
    pub(super) run: Option<&'a Run>,
}

/// Whether the mapping still wants what was deployed.
pub(super) fn wants(mapping: &Mapping, run: &Run) -> bool {
    mapping.desired_version_id.as_ref() == Some(&run.version_id) && mapping.state != MappingState::Orphaned
}

fn reported(run: Run, report: &Report) -> Run {
    Run {
        served_fingerprint: report.served_fingerprint.clone(),
        previous_fingerprint: report.previous_fingerprint.clone(),
        deployed_fingerprint: report.deployed_fingerprint.clone(),
        steps: serde_json::to_string(&report.steps).unwrap_or_else(|_| "[]".to_owned()),
        duration_ms: report.duration_ms,
        rolled_back: report.rolled_back,
        ..run
    }
}

/// How a job ends that failed while somebody wanted it to stop.
fn stopped(class: FailureClass, message: &str) -> JobFailure {
    JobFailure { class: class.as_str().to_owned(), error: format!("{CALLED_OFF}: {message}") }
}

/// What an agent hears of a job that somebody wants to stop.
pub(super) fn called_off(job: &Job) -> Error {
    Error::conflict("job_cancelled", format!("job {} was called off; drop it if you have not begun", job.id))
}

/// What an agent hears that works on a job whose lease nobody holds.
pub(super) fn lease_gone() -> Error {
    Error::conflict("lease_lost", "the lease is lost; ask for work again")
}

const CALLED_OFF: &str = "cancelled while it was worked on";

/// The class of a job's failure for a word of the connectors; an unknown word may be tried again.
fn failure_class(word: Option<&str>) -> FailureClass {
    let class = ErrorClass::ALL.into_iter().find(|class| Some(class.as_str()) == word);
    match class {
        Some(ErrorClass::Config) => FailureClass::Config,
        Some(ErrorClass::Auth) => FailureClass::Auth,
        Some(ErrorClass::Rejected) => FailureClass::Rejected,
        Some(ErrorClass::RollbackFailed) => FailureClass::RollbackFailed,
        Some(ErrorClass::TargetValidate | ErrorClass::TargetReload { .. } | ErrorClass::TargetVerify { .. }) => {
            FailureClass::Target
        }
        Some(
            ErrorClass::RateLimited
            | ErrorClass::Upstream5xx
            | ErrorClass::Network
            | ErrorClass::Timeout
            | ErrorClass::Internal,
        )
        | None => FailureClass::Transient,
    }
}

/// The certificate of a job.
pub(crate) fn certificate_of(job: &Job) -> Result<CertificateId> {
    let id = job.certificate_id.as_deref().ok_or_else(|| Error::internal("a job names no certificate"))?;
    CertificateId::parse(id).map_err(|error| Error::bug("reading a certificate id", error))
}
