//! An issuer is deleted once nothing refers to it.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::IssuerId;
use certctl_domain::permission::Permission;

use super::ISSUER;
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Deletes an issuer.
    ///
    /// # Errors
    /// Missing; stale; `in_use` with the counts of certificates, and of certificate authorities, whose keys are never deleted: switch such an issuer off.
    pub async fn issuer_delete(&self, caller: &Caller, id: &IssuerId, expected: Option<i64>) -> Result<()> {
        caller.require(Permission::IssuerDelete)?;
        for _ in 0..edit::LOOKS {
            let issuer = self.issuer(id).await?;
            edit::expect(issuer.revision, expected)?;
            let counts = certctl_store::issuers::references(self.db(), id).await?;
            if counts.iter().any(|(_, count)| *count > 0) {
                return Err(edit::in_use(ISSUER.what, &counts));
            }
            let mut unit = Unit::new();
            certctl_store::issuers::delete(&mut unit, &issuer);
            self.audit(&mut unit, caller, Event::new(Action::IssuerDeleted, id).with("name", issuer.name.as_str()));
            unit.wake(crate::cache::CONFIG);
            if self.commit_edit(ISSUER, unit).await? == Committed::Done {
                self.config_changed();
                return Ok(());
            }
        }
        Err(edit::busy(ISSUER.what))
    }
}
