//! The certificate an agent is to install: the current version of its own identity.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Holder;
use certctl_domain::ids::CertificateId;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

impl App {
    /// Leaf and chain, PEM, of the version the calling agent should serve.
    ///
    /// # Errors
    /// [`Error::Missing`] when the agent has no target of the certificate, or nothing was issued for it.
    pub async fn agent_certificate(&self, caller: &Caller, id: &CertificateId) -> Result<String> {
        let agent = self.agent_alive(caller).await?;
        if !self.agent_serves(caller, id).await? {
            return self.agent_mismatch(caller, "certificate", id.as_str()).await;
        }
        let identity = certctl_store::identities::get(self.db(), id, &Holder::Agent(agent.id.clone())).await?;
        let version = identity
            .and_then(|identity| identity.current_version_id)
            .ok_or_else(|| Error::missing("certificate", id))?;
        let version = certctl_store::versions::get(self.db(), &version)
            .await?
            .ok_or_else(|| Error::missing("certificate", id))?;
        let pem = version_pem(&version)?;
        let mut unit = Unit::new();
        self.audit(
            &mut unit,
            caller,
            Event::new(Action::CertificateRetrieved, id).with("version_id", version.id.as_str()),
        );
        self.commit(unit).await?;
        Ok(pem)
    }
}

/// Leaf and chain of an issued version, PEM.
///
/// # Errors
/// [`Error::Internal`] when it has no certificate.
pub fn version_pem(version: &certctl_domain::certificate::Version) -> Result<String> {
    let der = version.certificate.as_ref().ok_or_else(|| Error::internal("an issued version has a certificate"))?;
    let leaf = certctl_pki::pem::encode("CERTIFICATE", der);
    Ok(format!("{leaf}{}", version.chain_pem.as_deref().unwrap_or_default()))
}
