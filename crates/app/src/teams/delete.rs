//! A team is deleted once nothing refers to it.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::TeamId;
use certctl_domain::permission::Permission;

use super::TEAM;
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Deletes a team.
    ///
    /// # Errors
    /// Missing; stale; `in_use` with the counts of owners and certificates.
    pub async fn team_delete(&self, caller: &Caller, id: &TeamId, expected: Option<i64>) -> Result<()> {
        caller.require(Permission::TeamDelete)?;
        for _ in 0..edit::LOOKS {
            let team = self.team(id).await?;
            edit::expect(team.revision, expected)?;
            let counts = certctl_store::teams::references(self.db(), id).await?;
            if counts.iter().any(|(_, count)| *count > 0) {
                return Err(edit::in_use(TEAM.what, &counts));
            }
            let mut unit = Unit::new();
            certctl_store::teams::delete(&mut unit, &team);
            self.audit(&mut unit, caller, Event::new(Action::TeamDeleted, id).with("name", team.name.as_str()));
            if self.commit_edit(TEAM, unit).await? == Committed::Done {
                return Ok(());
            }
        }
        Err(edit::busy(TEAM.what))
    }
}
