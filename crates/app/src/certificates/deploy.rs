//! Deploying again what should be served.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Holder;
use certctl_domain::ids::{CertificateId, JobId, TargetId};
use certctl_domain::permission::Permission;
use certctl_domain::target::{Mapping, Target};
use certctl_domain::work::JobKind;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// A mapping as `…/deployments` shows it.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// What should be served and what is.
    pub mapping: Mapping,
    /// Where.
    pub target: Target,
}

impl App {
    /// Deploys the desired version again, to one target or to all. A deployment that is under way is that deployment.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] when the target is not mapped; [`Error::Conflict`] when nothing was issued.
    pub async fn certificate_deploy(
        &self,
        caller: &Caller,
        id: &CertificateId,
        target: Option<&TargetId>,
    ) -> Result<Vec<JobId>> {
        caller.require(Permission::CertEdit)?;
        let certificate = self.certificate_live(id).await?;
        let mappings = self.certificate_targets(caller, id).await?;
        if let Some(target) = target.filter(|target| !mappings.iter().any(|(mapping, _)| mapping.target_id == **target))
        {
            return Err(Error::invalid(
                "target_id",
                format!("target {target} is not mapped to certificate {id}; map it first"),
            ));
        }
        let policy = self.policy_for_issue(&certificate.renewal_policy_id).await?;
        let open = certctl_jobs::open_of_certificates(self.db(), &[id.to_string()]).await?;
        let mut unit = Unit::new();
        let mut jobs = Vec::new();
        for (mapping, place) in
            mappings.iter().filter(|(mapping, _)| target.is_none_or(|target| *target == mapping.target_id))
        {
            let under_way = open.iter().find(|job| {
                job.kind == JobKind::Deployment.as_str() && job.target_id.as_deref() == Some(place.id.as_str())
            });
            if let Some(job) = under_way {
                jobs.push(JobId::parse(&job.id).map_err(|error| Error::bug("reading a job id", error))?);
            } else if place.is_active() {
                let holder = Holder::Agent(place.agent_id.clone());
                jobs.extend(self.deployment_enqueue(&mut unit, mapping, &holder, &policy, None, self.now()));
            }
        }
        if jobs.is_empty() {
            let message =
                "there is nothing to deploy: no version was issued for an active target of it; renew it first";
            return Err(Error::conflict("nothing_to_deploy", message));
        }
        let names: Vec<String> = jobs.iter().map(ToString::to_string).collect();
        self.audit(&mut unit, caller, Event::new(Action::DeploymentTriggered, id).with("job_ids", names));
        self.commit(unit).await?;
        Ok(jobs)
    }
}
