//! A target is to be looked at: does so without changing anything, and reports what is in the way of a deployment.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use certctl_connector::{Check, ConnectorError, Cx, ErrorClass, ProbeReport, error::sanitise};
use certctl_wire::{DeployResult, DeployStep, JobStatusReport, WorkItem};

use crate::{
    deployment::{begun, millis},
    journal::Work,
    runtime::Runtime,
};

/// Does what the job asks for, and puts the result into the outbox.
pub(crate) async fn carry_out(runtime: &Arc<Runtime>, work: Work, item: WorkItem) {
    if !begun(runtime, &work, &item).await {
        return;
    }
    let started = Instant::now();
    let outcome = look(runtime, &work, &item).await;
    let work = runtime.held(&work);
    let report = report(&work, started.elapsed(), outcome);
    tracing::info!(
        job.id = work.job,
        target.id = item.target_id,
        status = report.status,
        cause = report.error,
        "target tested"
    );
    runtime.outbox.put(work, report);
}

async fn look(runtime: &Runtime, work: &Work, item: &WorkItem) -> Result<ProbeReport, ConnectorError> {
    let missing =
        |field: &str| ConnectorError::new(ErrorClass::Internal, "agent", "test", format!("the job names no {field}"));
    let target_id = item.target_id.as_deref().ok_or_else(|| missing("target_id"))?;
    let kind = item.target_type.as_deref().ok_or_else(|| missing("target_type"))?;
    let config = item.target_config.as_ref().ok_or_else(|| missing("target_config"))?;
    let target = certctl_targets::build(kind, &runtime.site, target_id, config)?;
    target.validate(&Cx { idempotency_key: work.job.clone(), now: (runtime.clock)(), budget: BUDGET }).await
}

/// Longest one look may take: whoever asked waits for it.
const BUDGET: Duration = Duration::from_secs(20);

fn report(work: &Work, took: Duration, outcome: Result<ProbeReport, ConnectorError>) -> JobStatusReport {
    let (error, class, found) = match outcome {
        Ok(found) if found.ok() => (None, None, Some(found)),
        Ok(found) => (Some(sanitise(&found.findings())), Some(ErrorClass::Config), Some(found)),
        Err(error) => (Some(sanitise(error.message())), Some(error.class()), None),
    };
    JobStatusReport {
        status: if error.is_none() { "Completed" } else { "Failed" }.to_owned(),
        lease_epoch: Some(work.epoch),
        result: Some(DeployResult {
            outcome: if error.is_none() { "passed" } else { "failed" }.to_owned(),
            steps: found.iter().flat_map(|found| &found.checks).map(step).collect(),
            served_fingerprint: found.as_ref().and_then(|found| found.served_fingerprint.clone()),
            duration_ms: millis(took),
            error_class: class.map(|class| class.as_str().to_owned()),
            ..DeployResult::default()
        }),
        error,
    }
}

fn step(check: &Check) -> DeployStep {
    DeployStep {
        name: check.name.to_owned(),
        ms: 0,
        outcome: if check.ok { "ok" } else { "failed" }.to_owned(),
        detail: Some(check.detail.clone()),
    }
}
