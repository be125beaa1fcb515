//! A team is created.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::TeamId;
use certctl_domain::ownership::{self, Team};
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;

use super::{TEAM, TeamInput};
use crate::caller::Caller;
use crate::edit;
use crate::error::Result;
use crate::world::App;

impl App {
    /// Creates a team under the id the caller brought, or a fresh one.
    ///
    /// # Errors
    /// All malformed fields; `id_taken` or `name_taken`.
    pub async fn team_create(&self, caller: &Caller, id: Option<&str>, input: TeamInput) -> Result<Team> {
        caller.require(Permission::TeamEdit)?;
        let mut refusals = Refusals::new();
        let id = edit::id_or(id, || TeamId::new(self.ids().ulid()), &mut refusals);
        let name = input.name.unwrap_or_default();
        ownership::check_name("name", &name, &mut refusals);
        refusals.into_result()?;
        let now = self.now();
        let description = input.description.unwrap_or_default();
        let team = Team { id, name, description, created_at: now, updated_at: now, revision: 1 };
        let mut unit = Unit::new();
        certctl_store::teams::insert(&mut unit, &team);
        self.audit(&mut unit, caller, event(Action::TeamCreated, &team));
        self.commit_new(TEAM, unit).await?;
        Ok(team)
    }
}

pub(super) fn event(action: Action, team: &Team) -> Event {
    Event::new(action, &team.id)
        .with("name", team.name.as_str())
        .with("description", team.description.as_str())
        .with("revision", team.revision)
}
