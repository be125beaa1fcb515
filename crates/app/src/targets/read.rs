//! Targets are shown.

use certctl_domain::ids::TargetId;
use certctl_domain::permission::Permission;
use certctl_domain::target::Target;

use super::{TARGET, TargetFilter};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One target, retired or not.
    ///
    /// # Errors
    /// Missing.
    pub async fn target_get(&self, caller: &Caller, id: &TargetId) -> Result<Target> {
        caller.require(Permission::TargetRead)?;
        self.target(id).await
    }

    /// Targets by the time they were made.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn target_list(&self, caller: &Caller, filter: &TargetFilter, window: &Window) -> Result<Listed<Target>> {
        caller.require(Permission::TargetRead)?;
        Ok(certctl_store::targets::list(self.db(), filter, window).await?)
    }

    pub(crate) async fn target(&self, id: &TargetId) -> Result<Target> {
        let target = certctl_store::targets::get(self.db(), id).await?;
        target.ok_or_else(|| Error::missing(TARGET.what, id))
    }
}
