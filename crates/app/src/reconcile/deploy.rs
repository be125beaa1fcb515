//! Desired differs from deployed: makes sure that a job is on its way, whatever became of the last one.

use std::time::Duration;

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Holder;
use certctl_domain::target::Mapping;
use certctl_domain::work::JobKind;
use futures::FutureExt as _;

use super::{BATCH, Report};
use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

const LOOP: &str = "deployment";
/// After this long a mapping with an open job is looked at again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// A mapping whose jobs all failed is tried again after this, doubling up to [`SLOWEST`].
pub(crate) const SLOW: Duration = Duration::from_secs(300);
/// Longest pause between two tries of a failing mapping.
pub(crate) const SLOWEST: Duration = Duration::from_secs(6 * 3_600);

impl App {
    /// One pass over mappings whose desired version is not deployed.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database cannot be asked.
    pub async fn deployment_pass(&self) -> Result<Report> {
        let now = self.now();
        let due = certctl_store::mappings::due(self.db(), now, self.places().take(LOOP).as_ref(), BATCH).await?;
        self.walk(LOOP, "planning the deployment of", &due, |mapping| self.deployment_plan(mapping).boxed()).await
    }

    async fn deployment_plan(&self, mapping: &Mapping) -> Result<bool> {
        let now = self.now();
        let target = certctl_store::targets::get(self.db(), &mapping.target_id).await?;
        let certificate = certctl_store::certificates::get(self.db(), &mapping.certificate_id).await?;
        let (Some(target), Some(certificate)) = (target, certificate) else { return Ok(false) };
        let mut unit = Unit::new();
        let open = certctl_jobs::open_of_certificates(self.db(), &[certificate.id.to_string()]).await?;
        let under_way = open.iter().any(|job| {
            job.kind == JobKind::Deployment.as_str() && job.target_id.as_deref() == Some(target.id.as_str())
        });
        if under_way || !target.is_active() || certificate.archived_at.is_some() {
            certctl_store::mappings::look_again(&mut unit, mapping, now + LOOK_AGAIN);
            self.commit_or_moved(unit).await?;
            return Ok(false);
        }
        let policy = self.policy_for_issue(&certificate.renewal_policy_id).await?;
        let Some(job) =
            self.deployment_enqueue(&mut unit, mapping, &Holder::Agent(target.agent_id.clone()), &policy, None, now)
        else {
            return Ok(false);
        };
        let event = Event::new(Action::DeploymentPlanned, &certificate.id)
            .with("job_id", job.as_str())
            .with("target_id", target.id.as_str());
        self.audit(&mut unit, &Caller::system("scheduler"), event);
        self.commit_or_moved(unit).await
    }
}

/// The pause after the `failures`-th deployment that ended for good.
pub(crate) fn slow_retry(failures: u32) -> Duration {
    SLOW.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(SLOWEST)
}
