//! A target is tested as far as the server can see: its agent is there, and its configuration fits the connector. The agent
//! looks at paths, owners and commands when it installs.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::TargetId;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;
use certctl_domain::target::Target;

use super::{TARGET, place};
use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

/// How a test ended, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetTested {
    /// Nothing is in the way.
    Success,
    /// What is.
    Failed(String),
}

impl TargetTested {
    /// The word of the wire and the database.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed(_) => "failed",
        }
    }

    /// What a person reads.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Success => "Agent is online and reachable",
            Self::Failed(cause) => cause,
        }
    }
}

impl App {
    /// Tests a target and keeps the result with it.
    ///
    /// # Errors
    /// Missing.
    pub async fn target_test(&self, caller: &Caller, id: &TargetId) -> Result<TargetTested> {
        caller.require(Permission::TargetEdit)?;
        let target = self.target(id).await?;
        let tested = match self.target_obstacle(&target).await? {
            None => TargetTested::Success,
            Some(cause) => TargetTested::Failed(cause),
        };
        let mut unit = Unit::new();
        certctl_store::targets::record_test(&mut unit, &target, tested.as_str(), self.now());
        let event =
            Event::new(Action::TargetTested, id).with("status", tested.as_str()).with("message", tested.message());
        self.audit(&mut unit, caller, event);
        self.commit_new(TARGET, unit).await?;
        Ok(tested)
    }

    async fn target_obstacle(&self, target: &Target) -> Result<Option<String>> {
        if target.retired_at.is_some() {
            return Ok(Some("the target was retired with its agent; create a new one".to_owned()));
        }
        let Some(agent) = certctl_store::agents::get(self.db(), &target.agent_id).await? else {
            return Ok(Some(format!("agent {} does not exist; assign another", target.agent_id)));
        };
        if agent.retired_at.is_some() {
            return Ok(Some(format!("agent {} is retired; create the target under another", agent.name)));
        }
        let mut refusals = Refusals::new();
        if let Some(schema) = self.target_schema(&target.kind, &mut refusals) {
            let config = self.config_open(place(target), &target.config, target.sealed_config.as_deref())?;
            let wrong: Vec<String> = schema.check(&config).iter().map(ToString::to_string).collect();
            if !wrong.is_empty() {
                return Ok(Some(format!("the configuration does not fit: {}", wrong.join("; "))));
            }
        }
        if let Err(refusals) = refusals.into_result() {
            return Ok(Some(refusals.summary()));
        }
        if !agent.is_online(self.now()) {
            let seen = agent.last_heartbeat_at.map_or_else(|| "never".to_owned(), certctl_pki::Timestamp::to_rfc3339);
            return Ok(Some(format!(
                "agent {} is offline, last heard of {seen}; start it or look at its log",
                agent.name
            )));
        }
        Ok(None)
    }
}
