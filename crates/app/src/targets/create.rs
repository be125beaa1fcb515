//! A target is created.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::TargetId;
use certctl_domain::ownership;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;
use certctl_domain::target::Target;
use serde_json::Value;

use super::{TARGET, event};
use crate::caller::Caller;
use crate::configuration::{self, Place};
use crate::edit;
use crate::error::Result;
use crate::world::App;

/// What a person says of a new target.
#[derive(Debug, Clone, Default)]
pub struct NewTarget {
    /// Its own id, if they bring one.
    pub id: Option<String>,
    /// Name, unique per agent.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The agent that installs there.
    pub agent_id: String,
    /// Its settings.
    pub config: Option<Value>,
    /// Switched on unless false.
    pub enabled: Option<bool>,
}

impl App {
    /// Creates a target.
    ///
    /// # Errors
    /// All malformed fields, an unknown type or agent, everything wrong with the configuration; `id_taken` or `name_taken`.
    pub async fn target_create(&self, caller: &Caller, new: NewTarget) -> Result<Target> {
        caller.require(Permission::TargetEdit)?;
        let mut refusals = Refusals::new();
        let id = edit::id_or(new.id.as_deref(), || TargetId::new(self.ids().ulid()), &mut refusals);
        ownership::check_name("name", &new.name, &mut refusals);
        let schema = self.target_schema(&new.kind, &mut refusals);
        let agent = self.target_agent(&new.agent_id, &mut refusals).await?;
        let judged = schema.map(|schema| (schema, configuration::accept(&schema, new.config, &mut refusals)));
        refusals.into_result()?;
        let (schema, config) = judged.expect("refused above when absent");
        let agent = agent.expect("refused above when absent");
        let stored = self.config_store(&schema, Place { table: TARGET.table, row: id.as_str() }, &config)?;
        let now = self.now();
        let target = Target {
            id,
            name: new.name,
            kind: schema.connector.to_owned(),
            agent_id: agent.id,
            config: stored.shown,
            sealed_config: stored.sealed,
            enabled: new.enabled.unwrap_or(true),
            source: "database".to_owned(),
            test_status: "untested".to_owned(),
            last_tested_at: None,
            retired_at: None,
            retired_reason: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let mut unit = Unit::new();
        certctl_store::targets::insert(&mut unit, &target);
        certctl_store::agents::expect_active(&mut unit, &target.agent_id);
        self.audit(&mut unit, caller, event(Action::TargetCreated, &target));
        self.commit_new(TARGET, unit).await?;
        Ok(target)
    }
}
