//! Handing out work: deployments that are due, and certificates that wait for the agent's request.

use std::time::Duration;

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Certificate, Version};
use certctl_domain::ids::{AgentId, CertificateId, TargetId};
use certctl_domain::profile::Profile;
use certctl_domain::target::{Mapping, MappingState, Target, VerifyStatus};
use certctl_domain::work::{FailureClass, JobKind};
use certctl_jobs::lease::{self, Failure as JobFailure};
use certctl_jobs::{Claim, Job, Lease, State};
use certctl_pki::key::KeyAlgorithm;
use certctl_pki::{KeyKind, Timestamp};
use certctl_store::runs::Run;
use zeroize::Zeroizing;

use super::{job_id, topic};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::Failure;
use crate::payload::DeployPayload;
use crate::world::App;

/// The key an agent is to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyWanted {
    /// Algorithm.
    pub algorithm: KeyAlgorithm,
    /// Size in bits.
    pub size: u32,
}

/// A piece of work with everything the agent needs for it.
#[derive(Debug)]
pub struct WorkItem {
    /// The leased job.
    pub job: Job,
    /// What it is about.
    pub task: Task,
}

impl WorkItem {
    /// The certificate it is about; none for a test of a target.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.task {
            Task::Request { certificate, .. } | Task::Deploy { certificate, .. } => Some(certificate),
            Task::Test { .. } => None,
        }
    }
}

/// What a piece of work is about.
#[derive(Debug)]
pub enum Task {
    /// Make a key and send a request.
    Request {
        /// For which certificate.
        certificate: Box<Certificate>,
        /// With which key.
        key: KeyWanted,
    },
    /// Install a version.
    Deploy {
        /// Of which certificate.
        certificate: Box<Certificate>,
        /// Where.
        target: Box<Target>,
        /// The target's configuration, JSON, secrets included: only the agent it is pinned to sees this.
        config: Zeroizing<String>,
        /// What.
        version: Box<Version>,
    },
    /// Look at a target and change nothing.
    Test {
        /// Which.
        target: Box<Target>,
        /// Its configuration, as for a deployment.
        config: Zeroizing<String>,
    },
}

/// Pieces of work in one answer.
const ITEMS_MAX: u64 = 8;
const HELD_PAGE: u64 = 200;
/// Longest wait for work.
pub const WAIT_MAX: Duration = Duration::from_secs(25);
/// A wake may be lost; look at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl App {
    /// Leases due work of the calling agent; waits up to `wait` until there is some. With `resume` the agent says that it
    /// just started and works on nothing: what it held is offered anew.
    ///
    /// # Errors
    /// [`Error::Gone`] when the agent was retired.
    pub async fn agent_work(&self, caller: &Caller, wait: Duration, resume: bool) -> Result<Vec<WorkItem>> {
        let agent = self.agent_alive(caller).await?;
        if resume {
            self.work_resume(&agent.id).await?;
        }
        let deadline = tokio::time::Instant::now() + wait.min(WAIT_MAX);
        let mut wakes = self.db().notifier().subscribe();
        let topic = topic(agent.id.as_str());
        loop {
            let items = self.work_claim(&agent.id).await?;
            if !items.is_empty() || tokio::time::Instant::now() >= deadline {
                return Ok(items);
            }
            let until = deadline.min(tokio::time::Instant::now() + LOOK_EVERY);
            tokio::select! {
                () = self.leaving() => return Ok(items),
                () = tokio::time::sleep_until(until) => {}
                () = crate::wake::heard(&mut wakes, &topic) => {}
            }
        }
    }

    async fn work_claim(&self, agent: &AgentId) -> Result<Vec<WorkItem>> {
        let now = self.now();
        let ask = Claim {
            states: &[State::Pending, State::AwaitingCsr],
            worker: agent.as_str(),
            now: now.unix_micros(),
            lease_until: (now + self.settings().agent_lease).unix_micros(),
            limit: ITEMS_MAX,
        };
        let jobs = certctl_jobs::claim_for_agent(self.db(), agent.as_str(), &ask).await?;
        let mut items = Vec::with_capacity(jobs.len());
        for job in &jobs {
            match self.work_item_or_end(agent, job).await {
                Ok(Some(item)) => items.push(item),
                Ok(None) => {}
                Err(error) => {
                    // Nobody hears of what was leased.
                    self.work_release(&jobs).await;
                    return Err(error);
                }
            }
        }
        Ok(items)
    }

    /// A piece of work; nothing when it has become pointless or cannot be handed out, which ends or postpones its job and no
    /// other.
    async fn work_item_or_end(&self, agent: &AgentId, job: &Job) -> Result<Option<WorkItem>> {
        let error = match self.work_item(agent, job.clone()).await {
            Ok(item) => return Ok(item),
            Err(Error::Unavailable(error)) => return Err(Error::Unavailable(error)),
            Err(error) => error,
        };
        tracing::error!(job.id = %job.id, agent.id = %agent, error = &error as &dyn std::error::Error, "job {} cannot be handed out", job.id);
        match self.work_unbuilt(job, Failure::from(error)).await {
            // Whoever moved the job meanwhile has it.
            Ok(()) | Err(Error::Conflict { .. }) => Ok(None),
            Err(Error::Unavailable(error)) => Err(Error::Unavailable(error)),
            Err(error) => {
                tracing::error!(job.id = %job.id, error = &error as &dyn std::error::Error, "job {} is left until its lease runs out", job.id);
                Ok(None)
            }
        }
    }

    async fn work_unbuilt(&self, job: &Job, failure: Failure) -> Result<()> {
        let Some(held) = job.lease() else { return Ok(()) };
        match JobKind::parse(&job.kind) {
            Some(JobKind::Deployment) => return self.deployment_unbuilt(job, &held, &failure).await,
            Some(JobKind::TestTarget) => return self.test_unbuilt(job, &held, &failure).await,
            Some(JobKind::Issuance | JobKind::Renewal) | None => {}
        }
        let message = failure.message.clone();
        match self.issuance_reported_failed(job, &held, failure).await {
            Ok(()) => Ok(()),
            Err(error @ (Error::Unavailable(_) | Error::Conflict { .. })) => Err(error),
            // Not even what follows from its failure can be told: it ends, and its certificate says so.
            Err(error) => {
                tracing::error!(job.id = %job.id, error = &error as &dyn std::error::Error, "job {} is ended as it stands", job.id);
                self.issuance_ended(job, &held, &message).await
            }
        }
    }

    async fn issuance_ended(&self, job: &Job, held: &Lease, message: &str) -> Result<()> {
        let now = self.now();
        let class = FailureClass::Internal.as_str();
        let mut unit = Unit::new();
        lease::fail(
            &mut unit,
            held,
            &JobFailure { class: class.to_owned(), error: message.to_owned() },
            now.unix_micros(),
        );
        if let Ok(certificate) = super::certificate_of(job) {
            certctl_store::certificates::record_failure(&mut unit, &certificate, message, now);
            self.announce(&mut unit, "renewal.failing", certificate.as_str());
            let event = Event::new(Action::RenewalFailed, &certificate)
                .with("job_id", job.id.as_str())
                .with("error_class", class)
                .with("error", message);
            self.audit(&mut unit, &Caller::system("work"), event);
        }
        self.commit(unit).await
    }

    /// Gives leases back that the agent will not hear of. Those that cannot be given back now run out by themselves.
    async fn work_release(&self, jobs: &[Job]) {
        let now = self.now().unix_micros();
        for job in jobs {
            let Some(held) = job.lease() else { continue };
            let mut unit = Unit::new();
            if job.state == State::AwaitingCsr {
                certctl_jobs::recover(&mut unit, job, now);
            } else {
                lease::release(&mut unit, &held, now);
            }
            if let Err(error) = self.commit_or_moved(unit).await {
                tracing::warn!(job.id = %job.id, "the leases from job {} on were not given back: {error}", job.id);
                return;
            }
        }
    }

    /// What the agent held when it stopped goes back to the queue at once.
    async fn work_resume(&self, agent: &AgentId) -> Result<()> {
        let mut after = None;
        loop {
            let held = certctl_jobs::held_by_agent(self.db(), agent.as_str(), after.as_ref(), HELD_PAGE).await?;
            self.recover_all(&held).await?;
            match held.last() {
                Some(last) => after = Some(last.place.clone()),
                None => return Ok(()),
            }
        }
    }

    /// Everything needed for a leased job; nothing when it has become pointless.
    async fn work_item(&self, agent: &AgentId, job: Job) -> Result<Option<WorkItem>> {
        if job.kind == JobKind::TestTarget.as_str() {
            return self.work_test(agent, job).await;
        }
        let id = job.certificate_id.as_deref().ok_or_else(|| Error::internal("an agent's job names no certificate"))?;
        let id = CertificateId::parse(id).map_err(|error| Error::bug("reading a certificate id", error))?;
        let Some(certificate) = certctl_store::certificates::get(self.db(), &id).await? else {
            return self.work_pointless(&job).await;
        };
        if certificate.archived_at.is_some() || job.cancel_requested {
            return self.work_pointless(&job).await;
        }
        if job.kind != JobKind::Deployment.as_str() {
            let profile = self.profile_for_issue(certificate.certificate_profile_id.as_ref()).await?;
            let key = key_wanted(&profile);
            return Ok(Some(WorkItem { job, task: Task::Request { certificate: Box::new(certificate), key } }));
        }
        self.work_deployment(agent, job, certificate).await
    }

    async fn work_deployment(&self, agent: &AgentId, job: Job, certificate: Certificate) -> Result<Option<WorkItem>> {
        let target = job
            .target_id
            .as_deref()
            .and_then(|id| TargetId::parse(id).ok())
            .ok_or_else(|| Error::internal("a deployment names no target"))?;
        let target = certctl_store::targets::get(self.db(), &target).await?;
        let Some(target) = target.filter(|target| target.is_active() && target.agent_id == *agent) else {
            return self.work_pointless(&job).await;
        };
        let payload = DeployPayload::read(&job)?;
        let mapping = certctl_store::mappings::get(self.db(), &certificate.id, &target.id).await?;
        let Some(mapping) = mapping.filter(|mapping| mapping.desired_version_id.as_ref() == Some(&payload.version_id))
        else {
            return self.work_pointless(&job).await;
        };
        let version = certctl_store::versions::get(self.db(), &payload.version_id).await?;
        let version = version.ok_or_else(|| Error::internal("a deployment names a version that does not exist"))?;
        let mut unit = Unit::new();
        let run = run(&job, &certificate, &target, &version, self.now())?;
        certctl_store::runs::insert(&mut unit, &run);
        // What an earlier attempt reported says nothing of this one.
        certctl_store::runs::report(&mut unit, &run);
        if mapping.state != MappingState::Deploying {
            let after = Mapping { state: MappingState::Deploying, ..mapping.clone() };
            certctl_store::mappings::advance(&mut unit, &mapping, &after);
        }
        if !self.commit_or_moved(unit).await? {
            // Somebody changed the mapping meanwhile; the next look sees how.
            self.work_release(&[job]).await;
            return Ok(None);
        }
        let config = self.target_config(&target)?;
        let (certificate, target, version) = (Box::new(certificate), Box::new(target), Box::new(version));
        Ok(Some(WorkItem { job, task: Task::Deploy { certificate, target, config, version } }))
    }

    /// The configuration of a target with its secrets.
    pub(super) fn target_config(&self, target: &Target) -> Result<Zeroizing<String>> {
        let Some(sealed) = &target.sealed_config else { return Ok(Zeroizing::new(target.config.clone())) };
        let opened = self.sealer().open("targets", "sealed_config", target.id.as_str(), sealed)?;
        String::from_utf8(opened.to_vec())
            .map(Zeroizing::new)
            .map_err(|error| Error::bug("reading a target's configuration", error))
    }

    /// Ends a leased job that nothing waits for any more.
    pub(super) async fn work_pointless(&self, job: &Job) -> Result<Option<WorkItem>> {
        if let Some(held) = job.lease() {
            let mut unit = Unit::new();
            let reason = JobFailure {
                class: FailureClass::Rejected.as_str().to_owned(),
                error: "called off, or no longer wanted: its certificate, target or version changed".to_owned(),
            };
            lease::stop(&mut unit, &held, &reason, self.now().unix_micros());
            unit.wake(crate::targets::test_topic(&job.id));
            self.commit_or_moved(unit).await?;
        }
        Ok(None)
    }
}

/// The smallest key a profile allows, ECDSA before Ed25519 before RSA.
fn key_wanted(profile: &Profile) -> KeyWanted {
    let preferred = [
        KeyKind::EcdsaP256,
        KeyKind::EcdsaP384,
        KeyKind::Ed25519,
        KeyKind::Rsa2048,
        KeyKind::Rsa3072,
        KeyKind::Rsa4096,
    ];
    let kind = preferred
        .into_iter()
        .find(|kind| profile.rules.admits_key(kind.algorithm(), u32::from(kind.size())))
        .unwrap_or(KeyKind::EcdsaP256);
    KeyWanted { algorithm: kind.algorithm(), size: u32::from(kind.size()) }
}

fn run(job: &Job, certificate: &Certificate, target: &Target, version: &Version, now: Timestamp) -> Result<Run> {
    Ok(Run {
        job_id: job_id(job)?,
        certificate_id: certificate.id.clone(),
        target_id: target.id.clone(),
        version_id: version.id.clone(),
        expected_fingerprint: version.fingerprint_sha256.clone().unwrap_or_default(),
        outcome: None,
        served_fingerprint: None,
        previous_fingerprint: None,
        deployed_fingerprint: None,
        steps: "[]".to_owned(),
        duration_ms: None,
        rolled_back: None,
        verify_status: VerifyStatus::Pending,
        verified_at: None,
        verify_error: None,
        created_at: now,
    })
}
