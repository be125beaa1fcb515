//! Agents are shown.

use certctl_domain::agent::Agent;
use certctl_domain::ids::AgentId;
use certctl_domain::permission::Permission;

use super::AGENT;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One agent, retired or not.
    ///
    /// # Errors
    /// Missing.
    pub async fn agent_get(&self, caller: &Caller, id: &AgentId) -> Result<Agent> {
        caller.require(Permission::AgentRead)?;
        self.agent_known(id).await
    }

    /// Agents that are not retired, newest first.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn agent_list(&self, caller: &Caller, window: &Window) -> Result<Listed<Agent>> {
        caller.require(Permission::AgentRead)?;
        Ok(certctl_store::agents::list(self.db(), window).await?)
    }

    /// Retired agents, newest first.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn agent_list_retired(&self, caller: &Caller, window: &Window) -> Result<Listed<Agent>> {
        caller.require(Permission::AgentRead)?;
        Ok(certctl_store::agents::list_retired(self.db(), window).await?)
    }

    pub(crate) async fn agent_known(&self, id: &AgentId) -> Result<Agent> {
        let agent = certctl_store::agents::get(self.db(), id).await?;
        agent.ok_or_else(|| Error::missing(AGENT.what, id))
    }
}
