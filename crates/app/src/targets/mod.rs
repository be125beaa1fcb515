//! Targets: places where an agent installs certificates.

mod create;
mod delete;
mod read;
mod test;
mod update;

pub use certctl_store::targets::Filter as TargetFilter;
pub use create::NewTarget;
pub(crate) use test::topic as test_topic;
pub use test::{TargetTested, TestOutcome};
pub use update::TargetInput;

use certctl_connector::ConfigSchema;
use certctl_domain::agent::Agent;
use certctl_domain::audit::{Action, Detail, Event};
use certctl_domain::ids::AgentId;
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_domain::target::Target;

use crate::configuration::Place;
use crate::edit::{self, Subject};
use crate::error::Result;
use crate::world::App;

pub(crate) const TARGET: Subject = Subject { what: "target", table: "targets" };

impl App {
    /// The schema of a type of target, or a refusal that lists those there are.
    fn target_schema(&self, kind: &str, refusals: &mut Refusals) -> Option<ConfigSchema> {
        let known = &self.catalogue().targets;
        let found = known.iter().find(|schema| schema.connector == kind).copied();
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|schema| schema.connector).collect();
            let message =
                if kind.is_empty() { "is required".to_owned() } else { format!("unsupported target type {kind:?}") };
            refusals.push(Refusal::invalid("type", format!("{message}; use one of {}", names.join(", "))));
        }
        found
    }

    /// The agent a target is to belong to: it must exist and not be retired.
    async fn target_agent(&self, text: &str, refusals: &mut Refusals) -> Result<Option<Agent>> {
        let Some(id) = edit::reference::<AgentId>("agent_id", text, refusals) else { return Ok(None) };
        match certctl_store::agents::get(self.db(), &id).await? {
            None => refusals.push(edit::unknown("agent_id", "agent", &id)),
            Some(agent) if agent.retired_at.is_some() => {
                refusals.push(Refusal::invalid("agent_id", format!("agent {} is retired; choose another", agent.name)));
            }
            Some(agent) => return Ok(Some(agent)),
        }
        Ok(None)
    }
}

fn place(target: &Target) -> Place<'_> {
    Place { table: "targets", row: target.id.as_str() }
}

/// The event of a change, with all of it but the secrets.
fn event(action: Action, target: &Target) -> Event {
    Event::new(action, &target.id)
        .with("name", target.name.as_str())
        .with("type", target.kind.as_str())
        .with("agent_id", target.agent_id.as_str())
        .with("enabled", target.enabled)
        .with("config", Detail::Json(target.config.clone()))
        .with("revision", target.revision)
}
