//! Renewal policies are shown.

use certctl_domain::ids::PolicyId;
use certctl_domain::permission::Permission;
use certctl_domain::policy::RenewalPolicy;

use super::POLICY;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One renewal policy.
    ///
    /// # Errors
    /// Missing.
    pub async fn policy_get(&self, caller: &Caller, id: &PolicyId) -> Result<RenewalPolicy> {
        caller.require(Permission::PolicyRead)?;
        self.policy(id).await
    }

    /// Renewal policies by the time they were made.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn policy_list(&self, caller: &Caller, window: &Window) -> Result<Listed<RenewalPolicy>> {
        caller.require(Permission::PolicyRead)?;
        Ok(certctl_store::policies::list(self.db(), window).await?)
    }

    pub(crate) async fn policy(&self, id: &PolicyId) -> Result<RenewalPolicy> {
        let policy = certctl_store::policies::get(self.db(), id).await?;
        policy.ok_or_else(|| Error::missing(POLICY.what, id))
    }
}
