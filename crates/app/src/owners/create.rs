//! An owner is created.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::OwnerId;
use certctl_domain::ownership::Owner;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::Refusals;

use super::{OWNER, OwnerInput, team};
use crate::caller::Caller;
use crate::edit;
use crate::error::Result;
use crate::world::App;

impl App {
    /// Creates an owner under the id the caller brought, or a fresh one.
    ///
    /// # Errors
    /// All malformed fields and an unknown team; `id_taken`.
    pub async fn owner_create(&self, caller: &Caller, id: Option<&str>, input: OwnerInput) -> Result<Owner> {
        caller.require(Permission::OwnerEdit)?;
        let mut refusals = Refusals::new();
        let id = edit::id_or(id, || OwnerId::new(self.ids().ulid()), &mut refusals);
        let team_id = team(&input, None, &mut refusals);
        let (name, email) = (input.name.unwrap_or_default(), input.email.unwrap_or_default());
        self.owner_check(&name, &email, team_id.as_ref(), &mut refusals).await?;
        refusals.into_result()?;
        let team_id = team_id.expect("refused above when absent");
        let now = self.now();
        let owner = Owner { id, name, email, team_id, created_at: now, updated_at: now, revision: 1 };
        let mut unit = Unit::new();
        certctl_store::owners::insert(&mut unit, &owner);
        self.audit(&mut unit, caller, event(Action::OwnerCreated, &owner));
        self.commit_new(OWNER, unit).await?;
        Ok(owner)
    }
}

pub(super) fn event(action: Action, owner: &Owner) -> Event {
    Event::new(action, &owner.id)
        .with("name", owner.name.as_str())
        .with("email", owner.email.as_str())
        .with("team_id", owner.team_id.as_str())
        .with("revision", owner.revision)
}
