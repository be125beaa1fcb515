//! An owner is edited.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::OwnerId;
use certctl_domain::ownership::Owner;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;

use super::create::event;
use super::{OWNER, OwnerInput, team};
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Changes what the input names and keeps the rest.
    ///
    /// # Errors
    /// Missing; stale; all malformed fields and an unknown team.
    pub async fn owner_update(
        &self,
        caller: &Caller,
        id: &OwnerId,
        expected: Option<i64>,
        input: OwnerInput,
    ) -> Result<Owner> {
        caller.require(Permission::OwnerEdit)?;
        for _ in 0..edit::LOOKS {
            let stored = self.owner(id).await?;
            edit::expect(stored.revision, expected)?;
            let mut refusals = Refusals::new();
            let mut owner = stored.clone();
            owner.name = input.name.clone().unwrap_or(owner.name);
            owner.email = input.email.clone().unwrap_or(owner.email);
            owner.team_id = team(&input, Some(&stored.team_id), &mut refusals).unwrap_or(owner.team_id);
            self.owner_check(&owner.name, &owner.email, Some(&owner.team_id), &mut refusals).await?;
            refusals.into_result()?;
            if owner == stored {
                return Ok(stored);
            }
            owner.revision += 1;
            owner.updated_at = self.now();
            let mut unit = Unit::new();
            certctl_store::owners::update(&mut unit, &owner);
            self.audit(&mut unit, caller, event(Action::OwnerUpdated, &owner));
            if self.commit_edit(OWNER, unit).await? == Committed::Done {
                return Ok(owner);
            }
        }
        Err(edit::busy(OWNER.what))
    }
}
