//! A target is edited. What was installed under the former configuration is installed again.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::TargetId;
use certctl_domain::ownership;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_domain::target::Target;

use super::{TARGET, event, place};
use crate::caller::Caller;
use crate::configuration::{self, ConfigInput};
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

/// What a person says about a target; what is left out keeps its value, secrets inside the configuration too.
#[derive(Debug, Clone, Default)]
pub struct TargetInput {
    /// Name, unique per agent.
    pub name: Option<String>,
    /// The agent that installs there.
    pub agent_id: Option<String>,
    /// Its settings.
    pub config: Option<ConfigInput>,
    /// Whether it receives deployments.
    pub enabled: Option<bool>,
}

impl App {
    /// Changes what the input names and keeps the rest.
    ///
    /// # Errors
    /// Missing; stale; all malformed fields and everything wrong with the configuration; refused for a retired target, and
    /// for another agent while certificates are mapped; `name_taken`.
    pub async fn target_update(
        &self,
        caller: &Caller,
        id: &TargetId,
        expected: Option<i64>,
        input: TargetInput,
    ) -> Result<Target> {
        caller.require(Permission::TargetEdit)?;
        for _ in 0..edit::LOOKS {
            let stored = self.target(id).await?;
            edit::expect(stored.revision, expected)?;
            let mut target = self.target_edited(&stored, &input).await?;
            if target == stored {
                return Ok(stored);
            }
            target.revision += 1;
            target.updated_at = self.now();
            let mut unit = Unit::new();
            certctl_store::targets::update(&mut unit, &target);
            certctl_store::agents::expect_active(&mut unit, &target.agent_id);
            if installs_elsewhere(&stored, &target) {
                certctl_store::mappings::reinstall_at(&mut unit, id, target.updated_at);
                unit.wake(crate::scheduler::LOOK);
            }
            self.audit(&mut unit, caller, event(Action::TargetUpdated, &target));
            if self.commit_edit(TARGET, unit).await? == Committed::Done {
                return Ok(target);
            }
        }
        Err(edit::busy(TARGET.what))
    }

    /// The target as the input wants it, judged.
    async fn target_edited(&self, stored: &Target, input: &TargetInput) -> Result<Target> {
        let mut refusals = Refusals::new();
        let mut target = stored.clone();
        if target.retired_at.is_some() {
            refusals.push(Refusal::denied("retired_at", "the target was retired with its agent; create a new one"));
        }
        target.name = input.name.clone().unwrap_or(target.name);
        ownership::check_name("name", &target.name, &mut refusals);
        target.enabled = input.enabled.unwrap_or(target.enabled);
        if let Some(text) = input.agent_id.as_deref().filter(|text| *text != stored.agent_id.as_str())
            && let Some(agent) = self.target_agent(text, &mut refusals).await?
        {
            target.agent_id = agent.id;
            self.target_may_move(stored, &mut refusals).await?;
        }
        let schema = self.target_schema(&stored.kind, &mut refusals);
        let mut judged = None;
        if let (Some(schema), Some(input)) = (schema, &input.config) {
            let before = self.config_open(place(stored), &stored.config, stored.sealed_config.as_deref())?;
            let after = configuration::edit(&schema, &before, input, &mut refusals);
            judged = (before != after).then_some((schema, after));
        }
        refusals.into_result()?;
        if let Some((schema, config)) = judged {
            let sealed = self.config_store(&schema, place(stored), &config)?;
            (target.config, target.sealed_config) = (sealed.shown, sealed.sealed);
            (target.test_status, target.last_tested_at) = ("untested".to_owned(), None);
        }
        Ok(target)
    }

    /// Another agent makes other keys: a target moves only while nothing is mapped to it.
    async fn target_may_move(&self, stored: &Target, refusals: &mut Refusals) -> Result<()> {
        let mapped: u64 = certctl_store::targets::references(self.db(), &stored.id).await?.iter().map(|(_, n)| n).sum();
        if mapped > 0 {
            let message = format!(
                "{mapped} certificates are mapped to the target; map them elsewhere before another agent takes it"
            );
            refusals.push(Refusal::denied("agent_id", message));
        }
        Ok(())
    }
}

fn installs_elsewhere(before: &Target, after: &Target) -> bool {
    let switched_on = after.enabled && !before.enabled;
    switched_on || before.config != after.config || before.sealed_config != after.sealed_config
}
