//! Owners are shown.

use certctl_domain::ids::OwnerId;
use certctl_domain::ownership::Owner;
use certctl_domain::permission::Permission;

use super::OWNER;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One owner.
    ///
    /// # Errors
    /// Missing.
    pub async fn owner_get(&self, caller: &Caller, id: &OwnerId) -> Result<Owner> {
        caller.require(Permission::OwnerRead)?;
        self.owner(id).await
    }

    /// Owners by the time they were made.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn owner_list(&self, caller: &Caller, window: &Window) -> Result<Listed<Owner>> {
        caller.require(Permission::OwnerRead)?;
        Ok(certctl_store::owners::list(self.db(), window).await?)
    }

    pub(crate) async fn owner(&self, id: &OwnerId) -> Result<Owner> {
        let owner = certctl_store::owners::get(self.db(), id).await?;
        owner.ok_or_else(|| Error::missing(OWNER.what, id))
    }
}
