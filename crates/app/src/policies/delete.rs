//! A renewal policy is deleted once nothing refers to it.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::PolicyId;
use certctl_domain::permission::Permission;

use super::POLICY;
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Deletes a renewal policy.
    ///
    /// # Errors
    /// Missing; stale; `in_use` with the count of certificates.
    pub async fn policy_delete(&self, caller: &Caller, id: &PolicyId, expected: Option<i64>) -> Result<()> {
        caller.require(Permission::PolicyDelete)?;
        for _ in 0..edit::LOOKS {
            let policy = self.policy(id).await?;
            edit::expect(policy.revision, expected)?;
            let counts = certctl_store::policies::references(self.db(), id).await?;
            if counts.iter().any(|(_, count)| *count > 0) {
                return Err(edit::in_use(POLICY.what, &counts));
            }
            let mut unit = Unit::new();
            certctl_store::policies::delete(&mut unit, &policy);
            self.audit(&mut unit, caller, Event::new(Action::PolicyDeleted, id).with("name", policy.name.as_str()));
            unit.wake(crate::cache::CONFIG);
            if self.commit_edit(POLICY, unit).await? == Committed::Done {
                self.config_changed();
                return Ok(());
            }
        }
        Err(edit::busy(POLICY.what))
    }
}
