//! A certificate is to be installed: fetches it, checks that it is what was asked for, deploys it, and reports.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use certctl_client::Error;
use certctl_connector::{
    ConnectorError, Cx, Deployed, ErrorClass, Material, Progress,
    error::sanitise,
    target::{Change, StepOutcome, StepRecord, Verification},
};
use certctl_pki::{Certificate, San, Timestamp, pem};
use certctl_wire::{DeployResult, DeployStep, JobStatusReport, WorkItem};

use crate::{
    clock::Backoff,
    journal::{Event, Journal, Work},
    keys::Entry,
    link::is_passing,
    runtime::Runtime,
    step::Step,
};

/// Does what the job asks for, and puts the result into the outbox.
pub(crate) async fn carry_out(runtime: &Arc<Runtime>, work: Work, item: WorkItem) {
    let turn = runtime.turn(item.target_id.as_deref().unwrap_or_default());
    let _turn = turn.lock().await;
    if !begun(runtime, &work, &item).await {
        return;
    }
    let started = Instant::now();
    let told = Told { journal: runtime.journal.clone(), work: work.clone(), steps: Mutex::default() };
    let outcome = {
        let deployment = Box::pin(install(runtime, &work, &item, &told));
        tokio::select! {
            outcome = deployment => outcome,
            never = keep_lease(runtime, &work) => match never {},
        }
    };
    let work = runtime.held(&work);
    let report = report(&work, told.taken(), started.elapsed(), &outcome);
    match &outcome {
        Ok(deployed) => tracing::info!(
            job.id = work.job, certificate.id = item.certificate_id, target.id = item.target_id,
            fingerprint = deployed.fingerprint, change = ?deployed.change, "deployed"
        ),
        Err(failure) => tracing::error!(
            job.id = work.job, certificate.id = item.certificate_id, target.id = item.target_id,
            class = %failure.class, cause = failure.message, "not deployed"
        ),
    }
    runtime.outbox.put(work, report);
}

/// The first report also asks whether the lease still holds; without that nothing is touched. A server that cannot answer
/// now is asked again until the lease is over: then it gives the job out again.
pub(crate) async fn begun(runtime: &Runtime, work: &Work, item: &WorkItem) -> bool {
    let lease_until = Timestamp::parse_rfc3339(&item.lease_until).ok();
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
    loop {
        let error = match runtime.link.job_report(&work.job, &running(&runtime.held(work))).await {
            Ok(()) => return true,
            Err(error) => error,
        };
        if !is_passing(&error) {
            tracing::warn!(%error, job.id = work.job, "not begun: the server does not confirm that this job is ours");
            runtime.journal.settled(work, &error.to_string());
            return false;
        }
        tracing::warn!(%error, job.id = work.job, "not begun yet: the server cannot be asked whether this job is ours");
        let over = lease_until.is_some_and(|end| (runtime.clock)() >= end);
        if over || !runtime.sleep(backoff.next()).await {
            return false;
        }
    }
}

/// Why a deployment did not take place.
struct Failure {
    class: ErrorClass,
    message: String,
}

impl Failure {
    fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::new(error.class(), error.message())
    }
}

async fn install(runtime: &Runtime, work: &Work, item: &WorkItem, told: &Told) -> Result<Deployed, Failure> {
    let missing = |field: &str| Failure::new(ErrorClass::Internal, format!("the job names no {field}"));
    let target_id = item.target_id.as_deref().ok_or_else(|| missing("target_id"))?;
    let kind = item.target_type.as_deref().ok_or_else(|| missing("target_type"))?;
    let config = item.target_config.as_ref().ok_or_else(|| missing("target_config"))?;

    let material = material(runtime, item).await?;
    let target = certctl_targets::build(kind, &runtime.site, target_id, config)?;
    let cx = Cx { idempotency_key: work.job.clone(), now: (runtime.clock)(), budget: BUDGET };
    let spki = material.leaf.public_key().spki_sha256_hex();
    let deployed = target.deploy(&cx, &material, told).await?;
    Step::Deployed.passed();
    if let Err(error) = runtime.keys.promote(&item.certificate_id, &spki) {
        // The certificate is served; a link that does not follow is no reason to say otherwise.
        tracing::error!(%error, certificate.id = item.certificate_id, "the key in use could not be marked as current");
    }
    Step::KeyPromoted.passed();
    Ok(deployed)
}

/// The certificate and its key, checked against each other and against what was asked for.
async fn material(runtime: &Runtime, item: &WorkItem) -> Result<Material, Failure> {
    let fetched = runtime.link.certificate(&item.certificate_id).await.map_err(|error| not_fetched(&error))?;
    Step::CertificateFetched.passed();
    let mut chain = pem::split_certificates(&fetched.certificate_pem)
        .map_err(|error| Failure::new(ErrorClass::Rejected, format!("the server sent no certificate: {error}")))?;
    let leaf = chain.remove(0);
    let fingerprint = leaf.fingerprint_sha256();
    if let Some(expected) = item.expected_fingerprint.as_ref().filter(|expected| **expected != fingerprint) {
        let message = format!("the job is about {expected}, and the current version is {fingerprint}");
        return Err(Failure::new(ErrorClass::Internal, message));
    }
    let spki = leaf.public_key().spki_sha256_hex();
    let (key_pem, entry) = runtime
        .keys
        .find(&item.certificate_id, &spki)
        .map_err(|error| Failure::new(ErrorClass::Config, error.to_string()))?;
    if let Some(entry) = entry {
        check_names(&leaf, &entry)?;
    }
    Ok(Material { leaf, chain, key_pem })
}

fn not_fetched(error: &Error) -> Failure {
    let class = match error.class() {
        certctl_client::Class::NotFound => ErrorClass::Rejected,
        certctl_client::Class::Unavailable => ErrorClass::Network,
        certctl_client::Class::RateLimited => ErrorClass::RateLimited,
        certctl_client::Class::NotAuthenticated | certctl_client::Class::Forbidden => ErrorClass::Network,
        certctl_client::Class::Usage
        | certctl_client::Class::Conflict
        | certctl_client::Class::Invalid
        | certctl_client::Class::Failed => ErrorClass::Internal,
    };
    Failure::new(class, format!("the certificate could not be fetched: {error}"))
}

/// A certificate for other names than those asked for would be served as if it were right.
fn check_names(leaf: &Certificate, entry: &Entry) -> Result<(), Failure> {
    let asked: BTreeSet<&str> = entry.wanted.sans.iter().map(String::as_str).collect();
    let given: Vec<String> = leaf.sans().iter().map(San::to_string).collect();
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    if asked == given {
        return Ok(());
    }
    let list = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
    let message = format!("the certificate is for {}, and {} was asked for", list(&given), list(&asked));
    Err(Failure::new(ErrorClass::Rejected, message))
}

/// Tells the server that the job is still worked on, so that nobody else gets it. Never ends by itself.
async fn keep_lease(runtime: &Runtime, work: &Work) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(KEEP_EVERY).await;
        if let Err(error) = runtime.link.job_report(&work.job, &running(&runtime.held(work))).await {
            // Stopping in the middle would leave the host worse than finishing does; the result may be refused.
            tracing::warn!(%error, job.id = work.job, "the lease could not be extended");
        }
    }
}

/// A third of the lease.
const KEEP_EVERY: Duration = Duration::from_secs(30);

/// Longest one deployment may take, the way back not counted.
const BUDGET: Duration = Duration::from_secs(300);

fn running(work: &Work) -> JobStatusReport {
    JobStatusReport { status: "Running".to_owned(), lease_epoch: Some(work.epoch), ..JobStatusReport::default() }
}

fn report(work: &Work, steps: Vec<StepRecord>, took: Duration, outcome: &Result<Deployed, Failure>) -> JobStatusReport {
    let result = DeployResult {
        steps: steps.into_iter().map(step).collect(),
        duration_ms: millis(took),
        ..DeployResult::default()
    };
    match outcome {
        Ok(deployed) => JobStatusReport {
            status: "Completed".to_owned(),
            error: None,
            lease_epoch: Some(work.epoch),
            result: Some(DeployResult {
                outcome: word(deployed.change).to_owned(),
                served_fingerprint: match &deployed.verification {
                    Verification::Verified(served) => Some(served.fingerprint.clone()),
                    Verification::NotVerified { .. } => None,
                },
                previous_fingerprint: deployed.previous_fingerprint.clone(),
                deployed_fingerprint: Some(deployed.fingerprint.clone()),
                ..result
            }),
        },
        Err(failure) => {
            let rolled_back = failure.class.rolled_back().unwrap_or_default();
            JobStatusReport {
                status: "Failed".to_owned(),
                error: Some(sanitise(&failure.message)),
                lease_epoch: Some(work.epoch),
                result: Some(DeployResult {
                    outcome: if rolled_back { "rolled_back" } else { "failed" }.to_owned(),
                    error_class: Some(failure.class.as_str().to_owned()),
                    rolled_back,
                    ..result
                }),
            }
        }
    }
}

pub(crate) fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Applied => "deployed",
        Change::Reloaded => "reloaded",
        Change::Unchanged => "unchanged",
    }
}

fn step(record: StepRecord) -> DeployStep {
    let outcome = match &record.outcome {
        StepOutcome::Done => "ok",
        StepOutcome::Skipped(_) => "skipped",
        StepOutcome::Failed(_) => "failed",
    };
    DeployStep {
        name: record.step.to_owned(),
        ms: record.duration_ms,
        outcome: outcome.to_owned(),
        detail: record.outcome.detail().map(str::to_owned),
    }
}

/// Keeps the steps of a deployment and notes them in the journal.
struct Told {
    journal: Arc<Journal>,
    work: Work,
    steps: Mutex<Vec<StepRecord>>,
}

impl Told {
    fn taken(&self) -> Vec<StepRecord> {
        std::mem::take(&mut *self.steps.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress for Told {
    fn step(&self, record: StepRecord) {
        let event = Event::Step { step: record.step.to_owned(), outcome: record.outcome.to_string() };
        self.journal.note(&self.work, event);
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}
