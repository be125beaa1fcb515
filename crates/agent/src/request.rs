//! A certificate waits for a request: makes a key, sends the request.

use std::{sync::Arc, time::Duration};

use certctl_client::Class;
use certctl_connector::{ErrorClass, error::sanitise};
use certctl_pki::{San, Timestamp};
use certctl_wire::{CsrSubmit, DeployResult, JobStatusReport, KeySpec, WorkItem};

use crate::{
    clock::Backoff,
    journal::Work,
    keys::{Entry, KeysError, Wanted},
    link::is_passing,
    runtime::Runtime,
    step::Step,
};

/// Does what the job asks for.
pub(crate) async fn carry_out(runtime: &Arc<Runtime>, work: Work, item: WorkItem) {
    let entry = match made(runtime, &item).await {
        Ok(entry) => entry,
        Err(error) => return failed(runtime, work, ErrorClass::Config, &error.to_string()),
    };
    let ask = CsrSubmit {
        csr_pem: entry.csr_pem,
        certificate_id: item.certificate_id.clone(),
        job_id: Some(work.job.clone()),
        lease_epoch: Some(work.epoch),
    };
    send(runtime, work, &ask, Timestamp::parse_rfc3339(&item.lease_until).ok()).await;
}

/// The request, made off the async thread: RSA keys take seconds.
async fn made(runtime: &Arc<Runtime>, item: &WorkItem) -> Result<Entry, KeysError> {
    let wanted = wanted(item)?;
    let (keys, certificate, job) = (runtime.keys.clone(), item.certificate_id.clone(), item.id.clone());
    let made = tokio::task::spawn_blocking(move || keys.request(&certificate, &job, &wanted)).await;
    made.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn wanted(item: &WorkItem) -> Result<Wanted, KeysError> {
    const USUAL: (&str, u32) = ("ECDSA", 256);
    let key = item.key.clone().unwrap_or_else(|| KeySpec { algorithm: USUAL.0.to_owned(), size: USUAL.1 });
    let wanted = Wanted {
        common_name: item.common_name.clone().filter(|name| !name.is_empty()),
        sans: item.sans.clone(),
        algorithm: key.algorithm,
        size: key.size,
    };
    let canonical = San::normalize(wanted.names()?).iter().map(ToString::to_string).collect();
    Ok(Wanted { sans: canonical, ..wanted })
}

/// Sends until there is an answer, or the lease is over: then the server gives the job out again, and the same request is
/// sent for it.
async fn send(runtime: &Arc<Runtime>, work: Work, ask: &CsrSubmit, lease_until: Option<Timestamp>) {
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
    loop {
        let error = match runtime.link.csr_submit(ask).await {
            Ok(answer) => {
                Step::RequestSent.passed();
                tracing::info!(job.id = work.job, certificate.id = ask.certificate_id, answer, "request sent");
                return runtime.journal.settled(&work, &answer);
            }
            Err(error) => error,
        };
        if is_passing(&error) {
            let over = lease_until.is_some_and(|end| (runtime.clock)() >= end);
            if over || !runtime.sleep(backoff.next()).await {
                tracing::warn!(%error, job.id = work.job, "the request could not be sent; it is kept for the next lease");
                return;
            }
            continue;
        }
        if error.class() == Class::Conflict || error.class() == Class::NotFound {
            tracing::warn!(%error, job.id = work.job, "the server no longer wants this request");
            return runtime.journal.settled(&work, &error.to_string());
        }
        return failed(runtime, work, ErrorClass::Rejected, &error.to_string());
    }
}

fn failed(runtime: &Runtime, work: Work, class: ErrorClass, message: &str) {
    tracing::error!(job.id = work.job, class = %class, cause = message, "no request could be made");
    let report = JobStatusReport {
        status: "Failed".to_owned(),
        error: Some(sanitise(message)),
        lease_epoch: Some(work.epoch),
        result: Some(DeployResult {
            outcome: "failed".to_owned(),
            error_class: Some(class.as_str().to_owned()),
            ..DeployResult::default()
        }),
    };
    runtime.outbox.put(work, report);
}
