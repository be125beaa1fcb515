//! Profiles are shown.

use certctl_domain::ids::ProfileId;
use certctl_domain::permission::Permission;
use certctl_domain::profile::Profile;

use super::PROFILE;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One profile.
    ///
    /// # Errors
    /// Missing.
    pub async fn profile_get(&self, caller: &Caller, id: &ProfileId) -> Result<Profile> {
        caller.require(Permission::ProfileRead)?;
        self.profile(id).await
    }

    /// Profiles by the time they were made.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn profile_list(&self, caller: &Caller, window: &Window) -> Result<Listed<Profile>> {
        caller.require(Permission::ProfileRead)?;
        Ok(certctl_store::profiles::list(self.db(), window).await?)
    }

    pub(crate) async fn profile(&self, id: &ProfileId) -> Result<Profile> {
        let profile = certctl_store::profiles::get(self.db(), id).await?;
        profile.ok_or_else(|| Error::missing(PROFILE.what, id))
    }
}
