//! Agents' words between the wire and the use cases.

use certctl_app::agents::{Admission, NewIdentity, Report, Step, Task, WorkItem};
use certctl_domain::target::Target;
use certctl_domain::work::JobStatus;
use certctl_edge::Problem;
use certctl_pki::Timestamp;
use certctl_wire as wire;
use secrecy::ExposeSecret;

use crate::view::time;

/// What an admitted agent gets.
pub(super) fn admission(admission: Admission, now: Timestamp) -> wire::RegisterAnswer {
    wire::RegisterAnswer {
        agent: crate::fleet::view::agent(&admission.agent, now),
        certificate_pem: admission.identity.certificate_pem,
        chain_pem: admission.identity.chain_pem,
        ca_pem: admission.identity.ca_pem,
        api_key: admission.api_key.expose_secret().to_owned(),
    }
}

/// A new identity.
pub(super) fn identity(identity: NewIdentity) -> wire::IdentityAnswer {
    wire::IdentityAnswer {
        certificate_pem: identity.certificate_pem,
        chain_pem: identity.chain_pem,
        ca_pem: identity.ca_pem,
    }
}

/// A piece of work.
pub(super) fn item(item: &WorkItem) -> Result<wire::WorkItem, Problem> {
    let job = &item.job;
    let blank = wire::WorkItem {
        id: job.id.clone(),
        r#type: wire::JobType::parse(&job.kind).ok_or_else(Problem::bug)?,
        status: wire::JobStatus::Running,
        certificate_id: item.certificate().map(|certificate| certificate.id.to_string()).unwrap_or_default(),
        common_name: None,
        sans: Vec::new(),
        key: None,
        target_id: None,
        target_name: None,
        target_type: None,
        target_config: None,
        version_id: None,
        expected_fingerprint: None,
        lease_epoch: job.lease_epoch,
        lease_until: job.lease_until.map(|at| time(Timestamp::from_unix_micros(at))).unwrap_or_default(),
    };
    Ok(match &item.task {
        Task::Request { certificate, key } => wire::WorkItem {
            status: wire::JobStatus::parse(JobStatus::AwaitingCsr.as_str()).ok_or_else(Problem::bug)?,
            common_name: Some(certificate.common_name.clone()),
            sans: certificate.sans.iter().map(ToString::to_string).collect(),
            key: Some(wire::KeySpec { algorithm: key.algorithm.as_str().to_owned(), size: key.size }),
            ..blank
        },
        Task::Deploy { certificate: _, target, config, version } => wire::WorkItem {
            version_id: Some(version.id.to_string()),
            expected_fingerprint: version.fingerprint_sha256.clone(),
            ..at_target(blank, target, config)?
        },
        Task::Test { target, config } => at_target(blank, target, config)?,
    })
}

fn at_target(blank: wire::WorkItem, target: &Target, config: &str) -> Result<wire::WorkItem, Problem> {
    Ok(wire::WorkItem {
        target_id: Some(target.id.to_string()),
        target_name: Some(target.name.clone()),
        target_type: Some(target.kind.clone()),
        target_config: Some(serde_json::from_str(config).map_err(|error| Problem::internal(&error))?),
        ..blank
    })
}

/// What an agent reports.
pub(super) fn report(body: wire::JobStatusReport) -> Report {
    let result = body.result;
    let told = result.unwrap_or_default();
    let some = |number: u64| i64::try_from(number).ok();
    Report {
        error: body.error.filter(|error| !error.is_empty()),
        lease_epoch: body.lease_epoch,
        error_class: told.error_class,
        steps: told
            .steps
            .into_iter()
            .map(|step| Step {
                name: step.name,
                ms: i64::try_from(step.ms).unwrap_or(i64::MAX),
                outcome: step.outcome,
                detail: step.detail,
            })
            .collect(),
        served_fingerprint: told.served_fingerprint,
        previous_fingerprint: told.previous_fingerprint,
        deployed_fingerprint: told.deployed_fingerprint,
        duration_ms: some(told.duration_ms),
        rolled_back: Some(told.rolled_back),
    }
}
