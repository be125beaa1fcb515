//! Jobs between the wire and the use cases.

use certctl_app::agents::Step;
use certctl_app::jobs::{self, JobView, Run, TestFound};
use certctl_domain::target::VerifyStatus;
use certctl_domain::work::{JobKind, JobStatus};
use certctl_edge::Problem;
use certctl_pki::Timestamp;
use certctl_wire as wire;

use crate::view::{time, time_opt};

/// A job as it is shown.
pub(crate) fn job(view: &JobView) -> Result<wire::Job, Problem> {
    let JobView { job, run, found } = view;
    Ok(wire::Job {
        id: job.id.clone(),
        r#type: kind(&job.kind),
        certificate_id: job.certificate_id.clone().unwrap_or_default(),
        target_id: job.target_id.clone(),
        agent_id: job.agent_id.clone(),
        status: status(jobs::status(job.state)),
        phase: jobs::phase(job.state).map(str::to_owned),
        attempts: small(job.attempt),
        max_attempts: small(job.max_attempts),
        last_error: job.last_error.clone(),
        error_class: job.error_class.clone(),
        scheduled_at: micros(job.not_before),
        created_at: micros(job.created_at),
        started_at: job.started_at.map(micros),
        completed_at: job.completed_at.map(micros),
        parent_job_id: job.parent_job_id.clone(),
        verification_status: run.as_ref().map_or(wire::VerifyStatus::None, |run| verify_status(run.verify_status)),
        verified_at: run.as_ref().and_then(|run| time_opt(run.verified_at)),
        verification_error: run.as_ref().and_then(|run| run.verify_error.clone()),
        verification_fingerprint: run.as_ref().and_then(|run| run.served_fingerprint.clone()),
        result: match found {
            Some(found) => Some(tested(found, job.last_error.is_none())),
            None => run.as_ref().filter(|run| run.outcome.is_some()).map(result).transpose()?,
        },
    })
}

/// What the handshakes of a deployment returned.
pub(super) fn verification(view: &JobView) -> wire::Verification {
    let JobView { job, run, found: _ } = view;
    let text = |field: fn(&Run) -> Option<String>| run.as_ref().and_then(field).unwrap_or_default();
    wire::Verification {
        job_id: job.id.clone(),
        target_id: job.target_id.clone().unwrap_or_default(),
        expected_fingerprint: text(|run| Some(run.expected_fingerprint.clone())),
        actual_fingerprint: text(|run| run.served_fingerprint.clone()),
        verified: run.as_ref().is_some_and(|run| run.verify_status == VerifyStatus::Success),
        verified_at: run.as_ref().and_then(|run| time_opt(run.verified_at)),
        error: run.as_ref().and_then(|run| run.verify_error.clone()),
    }
}

/// What a deployment did. Its steps are kept as the agent's report had them.
fn result(run: &Run) -> Result<wire::DeployResult, Problem> {
    let steps = serde_json::from_str(&run.steps).map_err(|error| Problem::internal(&error))?;
    Ok(wire::DeployResult {
        outcome: run.outcome.clone().unwrap_or_default(),
        steps,
        served_fingerprint: run.served_fingerprint.clone(),
        previous_fingerprint: run.previous_fingerprint.clone(),
        deployed_fingerprint: run.deployed_fingerprint.clone(),
        duration_ms: run.duration_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
        error_class: None,
        rolled_back: run.rolled_back.unwrap_or_default(),
    })
}

/// What a test of a target found.
fn tested(found: &TestFound, well: bool) -> wire::DeployResult {
    wire::DeployResult {
        outcome: if well { "passed" } else { "failed" }.to_owned(),
        steps: found.steps.iter().map(step).collect(),
        served_fingerprint: found.served_fingerprint.clone(),
        duration_ms: found.duration_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
        ..wire::DeployResult::default()
    }
}

/// A step of a deployment, or a check of a test.
pub(crate) fn step(step: &Step) -> wire::DeployStep {
    wire::DeployStep {
        name: step.name.clone(),
        ms: u64::try_from(step.ms).unwrap_or_default(),
        outcome: step.outcome.clone(),
        detail: step.detail.clone(),
    }
}

/// How a handshake went.
pub(crate) fn verify_status(status: VerifyStatus) -> wire::VerifyStatus {
    match status {
        VerifyStatus::Pending => wire::VerifyStatus::Pending,
        VerifyStatus::Success => wire::VerifyStatus::Success,
        VerifyStatus::Failed => wire::VerifyStatus::Failed,
        VerifyStatus::Skipped => wire::VerifyStatus::Skipped,
    }
}

/// Only public kinds are shown, so that the fallback is never seen.
fn kind(word: &str) -> wire::JobType {
    wire::JobType::parse(word).unwrap_or(wire::JobType::Validation)
}

fn status(status: JobStatus) -> wire::JobStatus {
    match status {
        JobStatus::Pending => wire::JobStatus::Pending,
        JobStatus::AwaitingCsr => wire::JobStatus::AwaitingCsr,
        JobStatus::AwaitingApproval => wire::JobStatus::AwaitingApproval,
        JobStatus::Running => wire::JobStatus::Running,
        JobStatus::Completed => wire::JobStatus::Completed,
        JobStatus::Failed => wire::JobStatus::Failed,
        JobStatus::Cancelled => wire::JobStatus::Cancelled,
    }
}

/// A status to filter by.
pub(super) fn status_filter(status: wire::JobStatus) -> JobStatus {
    match status {
        wire::JobStatus::Pending => JobStatus::Pending,
        wire::JobStatus::AwaitingCsr => JobStatus::AwaitingCsr,
        wire::JobStatus::AwaitingApproval => JobStatus::AwaitingApproval,
        wire::JobStatus::Running => JobStatus::Running,
        wire::JobStatus::Completed => JobStatus::Completed,
        wire::JobStatus::Failed => JobStatus::Failed,
        wire::JobStatus::Cancelled => JobStatus::Cancelled,
    }
}

/// A kind to filter by; `Validation` is a word of older clients and no kind of ours.
pub(super) fn kind_filter(kind: wire::JobType) -> Option<JobKind> {
    match kind {
        wire::JobType::Issuance => Some(JobKind::Issuance),
        wire::JobType::Renewal => Some(JobKind::Renewal),
        wire::JobType::Deployment => Some(JobKind::Deployment),
        wire::JobType::TestTarget => Some(JobKind::TestTarget),
        wire::JobType::Validation => None,
    }
}

fn micros(at: i64) -> String {
    time(Timestamp::from_unix_micros(at))
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(if number < 0 { 0 } else { u32::MAX })
}
