//! An owner is deleted once nothing refers to it.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::OwnerId;
use certctl_domain::permission::Permission;

use super::OWNER;
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Deletes an owner.
    ///
    /// # Errors
    /// Missing; stale; `in_use` with the count of certificates.
    pub async fn owner_delete(&self, caller: &Caller, id: &OwnerId, expected: Option<i64>) -> Result<()> {
        caller.require(Permission::OwnerDelete)?;
        for _ in 0..edit::LOOKS {
            let owner = self.owner(id).await?;
            edit::expect(owner.revision, expected)?;
            let counts = certctl_store::owners::references(self.db(), id).await?;
            if counts.iter().any(|(_, count)| *count > 0) {
                return Err(edit::in_use(OWNER.what, &counts));
            }
            let mut unit = Unit::new();
            certctl_store::owners::delete(&mut unit, &owner);
            self.audit(&mut unit, caller, Event::new(Action::OwnerDeleted, id).with("name", owner.name.as_str()));
            if self.commit_edit(OWNER, unit).await? == Committed::Done {
                return Ok(());
            }
        }
        Err(edit::busy(OWNER.what))
    }
}
