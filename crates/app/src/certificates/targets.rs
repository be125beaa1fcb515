//! Which targets a certificate is installed to: the desired state that the deployment reconciler follows.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Certificate, Holder, Identity};
use certctl_domain::ids::{CertificateId, TargetId};
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;
use certctl_domain::target::{Mapping, Target};

use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

impl App {
    /// The mappings of a certificate, by target.
    ///
    /// # Errors
    /// [`crate::Error::Missing`].
    pub async fn certificate_targets(&self, caller: &Caller, id: &CertificateId) -> Result<Vec<(Mapping, Target)>> {
        caller.require(Permission::CertRead)?;
        self.certificate_known(id).await?;
        let mut answer = Vec::new();
        for mapping in certctl_store::mappings::of_certificate(self.db(), id).await? {
            if let Some(target) = certctl_store::targets::get(self.db(), &mapping.target_id).await? {
                answer.push((mapping, target));
            }
        }
        Ok(answer)
    }

    /// Sets the targets of a certificate. New targets get the version their agent's identity has; where that agent has none
    /// yet and the certificate was issued before, its key is made and certified without further asking.
    ///
    /// # Errors
    /// [`crate::Error::Missing`]; [`crate::Error::Refused`] on targets that do not exist or are retired.
    pub async fn certificate_targets_set(
        &self,
        caller: &Caller,
        id: &CertificateId,
        target_ids: &[TargetId],
    ) -> Result<Vec<(Mapping, Target)>> {
        caller.require(Permission::CertEdit)?;
        let certificate = self.certificate_live(id).await?;
        let mut refusals = Refusals::new();
        let targets = self.targets_checked(target_ids, &mut refusals).await?;
        refusals.into_result()?;
        let known = certctl_store::mappings::of_certificate(self.db(), id).await?;
        let identities = certctl_store::identities::of_certificate(self.db(), id).await?;
        let mut unit = Unit::new();
        for gone in known.iter().filter(|mapping| !target_ids.contains(&mapping.target_id)) {
            certctl_store::mappings::delete(&mut unit, gone);
        }
        let mut added = Vec::new();
        for target in targets.iter().filter(|target| !known.iter().any(|mapping| mapping.target_id == target.id)) {
            if added.contains(&target.id) {
                continue;
            }
            self.mapping_add(&mut unit, &certificate, &identities, target);
            added.push(target.id.clone());
        }
        let names: Vec<String> = target_ids.iter().map(ToString::to_string).collect();
        self.audit(&mut unit, caller, Event::new(Action::CertificateTargetsSet, id).with("target_ids", names));
        unit.wake(crate::scheduler::LOOK);
        self.commit(unit).await?;
        self.certificate_targets(caller, id).await
    }

    fn mapping_add(&self, unit: &mut Unit, certificate: &Certificate, identities: &[Identity], target: &Target) {
        let holder = Holder::Agent(target.agent_id.clone());
        let mut mapping = Mapping::new(certificate.id.clone(), target.id.clone());
        match identities.iter().find(|identity| identity.holder == holder) {
            Some(identity) => {
                if let Some(version) = &identity.current_version_id {
                    mapping.desired_version_id = Some(version.clone());
                    mapping.state = certctl_domain::target::MappingState::Pending;
                    mapping.next_attempt_at = Some(self.now());
                }
            }
            None if certificate.not_after.is_some() => {
                let identity = Identity { renew_at: Some(self.now()), ..super::identity(&certificate.id, holder) };
                certctl_store::identities::insert(unit, &identity);
            }
            None => {}
        }
        certctl_store::mappings::insert(unit, &mapping);
    }
}
