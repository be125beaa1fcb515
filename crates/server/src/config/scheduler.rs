//! Background work.

use std::time::Duration;

use certctl_wire::settings::Reader;

/// Intervals, timeouts and sizes of background work.
#[derive(Debug, Clone, Copy)]
pub struct SchedulerConfig {
    /// How often, at the latest, due renewals are looked for.
    pub renewal_check: Duration,
    /// How often, at the latest, runnable jobs are looked for.
    pub job_processor: Duration,
    /// Jobs that one look may claim.
    pub claim_max: u64,
    /// Jobs run at the same time.
    pub concurrency: usize,
    /// How long a server may be silent before its jobs are given to another; no setting reaches it.
    pub lease: Duration,
    /// How often jobs whose lease ran out are given to another worker.
    pub retry: Duration,
    /// How often jobs that wait too long are looked for.
    pub job_timeout: Duration,
    /// How long a job waits for a CSR.
    pub awaiting_csr: Duration,
    /// How long a job waits for approval.
    pub awaiting_approval: Duration,
}

impl SchedulerConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        const SECOND: Duration = Duration::from_secs(1);
        Self {
            renewal_check: reader.duration("CERTCTL_SCHEDULER_RENEWAL_CHECK_INTERVAL", Duration::from_secs(60)),
            job_processor: reader.duration("CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL", SECOND),
            claim_max: reader.number("CERTCTL_SCHEDULER_JOB_CLAIM_LIMIT", 1..=100_000),
            concurrency: reader.number("CERTCTL_RENEWAL_CONCURRENCY", 1..=10_000),
            lease: LEASE,
            retry: reader.duration("CERTCTL_SCHEDULER_RETRY_INTERVAL", SECOND),
            job_timeout: reader.duration("CERTCTL_JOB_TIMEOUT_INTERVAL", SECOND),
            awaiting_csr: reader.duration("CERTCTL_JOB_AWAITING_CSR_TIMEOUT", SECOND),
            awaiting_approval: reader.duration("CERTCTL_JOB_AWAITING_APPROVAL_TIMEOUT", SECOND),
        }
    }
}

const LEASE: Duration = Duration::from_secs(60);
