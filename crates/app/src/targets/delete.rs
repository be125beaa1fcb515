//! A target is deleted once nothing refers to it.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::TargetId;
use certctl_domain::permission::Permission;

use super::TARGET;
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Deletes a target.
    ///
    /// # Errors
    /// Missing; stale; `in_use` with the count of certificates.
    pub async fn target_delete(&self, caller: &Caller, id: &TargetId, expected: Option<i64>) -> Result<()> {
        caller.require(Permission::TargetDelete)?;
        for _ in 0..edit::LOOKS {
            let target = self.target(id).await?;
            edit::expect(target.revision, expected)?;
            let counts = certctl_store::targets::references(self.db(), id).await?;
            if counts.iter().any(|(_, count)| *count > 0) {
                return Err(edit::in_use(TARGET.what, &counts));
            }
            let mut unit = Unit::new();
            certctl_store::targets::delete(&mut unit, &target);
            self.audit(&mut unit, caller, Event::new(Action::TargetDeleted, id).with("name", target.name.as_str()));
            if self.commit_edit(TARGET, unit).await? == Committed::Done {
                return Ok(());
            }
        }
        Err(edit::busy(TARGET.what))
    }
}
