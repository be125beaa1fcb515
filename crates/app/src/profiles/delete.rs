//! A profile is deleted once nothing refers to it.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::ProfileId;
use certctl_domain::permission::Permission;

use super::PROFILE;
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::{Error, Result};
use crate::world::App;

impl App {
    /// Deletes a profile. One that gates issuance is first opened by an edit, which two persons agree to: otherwise a
    /// deletion by one would lift the gate.
    ///
    /// # Errors
    /// Missing; stale; refused while it requires approval; `in_use` with the counts.
    pub async fn profile_delete(&self, caller: &Caller, id: &ProfileId, expected: Option<i64>) -> Result<()> {
        caller.require(Permission::ProfileDelete)?;
        for _ in 0..edit::LOOKS {
            let profile = self.profile(id).await?;
            edit::expect(profile.revision, expected)?;
            if profile.rules.requires_approval {
                let message = "the profile requires approval; switch that off first, which needs a second person";
                return Err(Error::refused("requires_approval", message));
            }
            let counts = certctl_store::profiles::references(self.db(), id).await?;
            if counts.iter().any(|(_, count)| *count > 0) {
                return Err(edit::in_use(PROFILE.what, &counts));
            }
            let mut unit = Unit::new();
            certctl_store::profiles::delete(&mut unit, &profile);
            let event = Event::new(Action::ProfileDeleted, id).with("name", profile.rules.name.as_str());
            self.audit(&mut unit, caller, event);
            unit.wake(crate::cache::CONFIG);
            if self.commit_edit(PROFILE, unit).await? == Committed::Done {
                self.config_changed();
                return Ok(());
            }
        }
        Err(edit::busy(PROFILE.what))
    }
}
