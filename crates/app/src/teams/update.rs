//! A team is edited.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::TeamId;
use certctl_domain::ownership::{self, Team};
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;

use super::create::event;
use super::{TEAM, TeamInput};
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Changes what the input names and keeps the rest.
    ///
    /// # Errors
    /// Missing; stale; all malformed fields; `name_taken`.
    pub async fn team_update(
        &self,
        caller: &Caller,
        id: &TeamId,
        expected: Option<i64>,
        input: TeamInput,
    ) -> Result<Team> {
        caller.require(Permission::TeamEdit)?;
        for _ in 0..edit::LOOKS {
            let stored = self.team(id).await?;
            edit::expect(stored.revision, expected)?;
            let mut team = stored.clone();
            team.name = input.name.clone().unwrap_or(team.name);
            team.description = input.description.clone().unwrap_or(team.description);
            let mut refusals = Refusals::new();
            ownership::check_name("name", &team.name, &mut refusals);
            refusals.into_result()?;
            if team == stored {
                return Ok(stored);
            }
            team.revision += 1;
            team.updated_at = self.now();
            let mut unit = Unit::new();
            certctl_store::teams::update(&mut unit, &team);
            self.audit(&mut unit, caller, event(Action::TeamUpdated, &team));
            if self.commit_edit(TEAM, unit).await? == Committed::Done {
                return Ok(team);
            }
        }
        Err(edit::busy(TEAM.what))
    }
}
