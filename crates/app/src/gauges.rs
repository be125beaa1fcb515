//! What there is, in numbers: for metrics, which ask often, so the numbers are kept for moments.

use certctl_domain::certificate::Status;
use certctl_domain::permission::Permission;
use certctl_jobs::State;
use certctl_pki::Timestamp;

use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Managed certificates.
    pub certificate_total: u64,
    /// Of them, neither expiring, expired nor revoked.
    pub certificate_active: u64,
    /// Of them, ending soon.
    pub certificate_expiring_soon: u64,
    /// Of them, over.
    pub certificate_expired: u64,
    /// Of them, revoked.
    pub certificate_revoked: u64,
    /// Agents that are not retired.
    pub agent_total: u64,
    /// Of them, heard of lately.
    pub agent_online: u64,
    /// Jobs that are not over.
    pub job_pending: u64,
    /// Jobs that were done.
    pub job_completed_total: u64,
    /// Jobs that failed for good.
    pub job_failed_total: u64,
}

impl App {
    /// The numbers, at most 15 seconds old.
    ///
    /// # Errors
    /// [`Error::Denied`](crate::Error::Denied).
    pub async fn gauges(&self, caller: &Caller) -> Result<Gauges> {
        caller.require(Permission::MetricsRead)?;
        if let Some(kept) = self.caches().gauges.get(&()) {
            return Ok(kept);
        }
        let counted = self.gauges_count().await?;
        self.caches().gauges.insert((), counted);
        Ok(counted)
    }

    async fn gauges_count(&self) -> Result<Gauges> {
        let db = self.db();
        let now = self.now();
        let statuses = certctl_store::certificates::statuses(db, now).await?;
        let of = |status: Status| statuses.get(&status).copied().unwrap_or_default();
        let total: u64 = statuses.values().sum::<u64>() - of(Status::Archived);
        let apart = of(Status::Expiring) + of(Status::Expired) + of(Status::Revoked);
        let (agent_total, agent_online) = certctl_store::agents::counts(db, online_since(now)).await?;
        Ok(Gauges {
            certificate_total: total,
            certificate_active: total - apart,
            certificate_expiring_soon: of(Status::Expiring),
            certificate_expired: of(Status::Expired),
            certificate_revoked: of(Status::Revoked),
            agent_total,
            agent_online,
            job_pending: self.jobs_in(&State::OPEN).await?,
            job_completed_total: self.jobs_in(&[State::Succeeded]).await?,
            job_failed_total: self.jobs_in(&[State::Failed, State::Expired]).await?,
        })
    }

    async fn jobs_in(&self, states: &[State]) -> Result<u64> {
        let filter = certctl_jobs::Filter { states: states.to_vec(), ..certctl_jobs::Filter::default() };
        Ok(certctl_jobs::count(self.db(), &filter, i64::MAX as u64).await?)
    }
}

fn online_since(now: Timestamp) -> Timestamp {
    now - certctl_domain::agent::OFFLINE_AFTER
}
