//! After a policy changed, its certificates are planned anew. The work is a job of the queue, enqueued with the change, so
//! that neither a crash nor the size of the fleet can leave a certificate on the old plan.

use std::time::Duration;

use certctl_db::{Due, Unit};
use certctl_domain::certificate::Identity;
use certctl_domain::ids::{JobId, PolicyId};
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::renewal;
use certctl_jobs::{Executor, Job, Lease, NewJob, State, lease};

use crate::error::{Error, Result};
use crate::world::App;

/// The kind of the job; internal, so it is not listed.
pub(crate) const REPLAN: &str = "replan";
/// Several times the life of what [`crate::cache`] keeps.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Identities of one unit of work.
const BATCH: u64 = 500;

impl App {
    /// Declares that the certificates of a policy are planned anew: at once, and again when no replica can have an old copy of
    /// the policy any more, because an issuance may have been planned by one in between.
    pub(super) fn replan_enqueue(&self, unit: &mut Unit, policy: &RenewalPolicy) {
        let now = self.now();
        for (turn, at) in [("now", now), ("again", now + AGAIN_AFTER)] {
            let job = NewJob {
                id: JobId::new(self.ids().ulid()).to_string(),
                kind: REPLAN,
                executor: Executor::Server,
                agent_id: None,
                certificate_id: None,
                target_id: None,
                state: State::Pending,
                payload: serde_json::json!({ "policy_id": policy.id }).to_string(),
                max_attempts: i64::MAX,
                retry_seconds: 5,
                priority: 0,
                not_before: at.unix_micros(),
                idempotency_key: format!("{REPLAN}:{}:{}:{turn}", policy.id, policy.revision),
                parent_job_id: None,
            };
            certctl_jobs::enqueue(unit, job, now.unix_micros());
        }
    }

    /// Plans the identities of the policy a job names, batch by batch; each batch also keeps the lease. One that cannot be read
    /// keeps the plan it has, and harms no other.
    ///
    /// # Errors
    /// Unavailable, or the lease was lost; the job is found again and starts over, which changes nothing that is right.
    pub(crate) async fn replan_run(&self, job: &Job, lease: &Lease) -> Result<()> {
        let id = policy_of(job)?;
        let mut after = None;
        if let Some(policy) = certctl_store::policies::get(self.db(), &id).await? {
            loop {
                let batch = certctl_store::identities::of_policy(self.db(), &id, after.as_ref(), BATCH).await?;
                let Some(last) = batch.last() else { break };
                let next = last.place.clone();
                let mut unit = Unit::new();
                for Due { place, row } in &batch {
                    match row {
                        Ok(identity) => replan(&mut unit, identity, &policy),
                        Err(error) => {
                            let error = error as &dyn std::error::Error;
                            tracing::error!(row.id = %place, error, "planning {place} anew failed");
                        }
                    }
                }
                lease::extend(&mut unit, lease, self.lease_until());
                self.commit(unit).await?;
                after = Some(next);
            }
        }
        let mut unit = Unit::new();
        lease::succeed(&mut unit, lease, self.now().unix_micros());
        unit.wake(crate::scheduler::LOOK);
        self.commit(unit).await
    }
}

fn replan(unit: &mut Unit, identity: &Identity, policy: &RenewalPolicy) {
    let (Some(start), Some(end)) = (identity.not_before, identity.not_after) else { return };
    let planned = renewal::planned(&identity.certificate_id, start, end, policy);
    if planned != identity.renew_at {
        certctl_store::identities::replan(unit, identity, planned);
    }
}

fn policy_of(job: &Job) -> Result<PolicyId> {
    #[derive(serde::Deserialize)]
    struct Payload {
        policy_id: PolicyId,
    }
    let read: Payload =
        serde_json::from_str(&job.payload).map_err(|error| Error::bug("reading the payload of a job", error))?;
    Ok(read.policy_id)
}
