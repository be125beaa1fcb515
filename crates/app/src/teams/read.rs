//! Teams are shown.

use certctl_domain::ids::TeamId;
use certctl_domain::ownership::Team;
use certctl_domain::permission::Permission;

use super::TEAM;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One team.
    ///
    /// # Errors
    /// Missing.
    pub async fn team_get(&self, caller: &Caller, id: &TeamId) -> Result<Team> {
        caller.require(Permission::TeamRead)?;
        self.team(id).await
    }

    /// Teams by the time they were made.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn team_list(&self, caller: &Caller, window: &Window) -> Result<Listed<Team>> {
        caller.require(Permission::TeamRead)?;
        Ok(certctl_store::teams::list(self.db(), window).await?)
    }

    pub(crate) async fn team(&self, id: &TeamId) -> Result<Team> {
        let team = certctl_store::teams::get(self.db(), id).await?;
        team.ok_or_else(|| Error::missing(TEAM.what, id))
    }
}
