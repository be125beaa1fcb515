//! A token is withdrawn.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::TokenId;
use certctl_domain::permission::Permission;

use super::TOKEN;
use crate::caller::Caller;
use crate::edit::Committed;
use crate::error::{Error, Result};
use crate::world::App;

impl App {
    /// Withdraws an enrolment token. Withdrawing it again changes nothing.
    ///
    /// # Errors
    /// Missing.
    pub async fn enrollment_token_revoke(&self, caller: &Caller, id: &TokenId) -> Result<()> {
        caller.require(Permission::AgentEdit)?;
        let token = certctl_store::tokens::get(self.db(), id).await?.ok_or_else(|| Error::missing(TOKEN.what, id))?;
        if token.revoked_at.is_some() {
            return Ok(());
        }
        let mut unit = Unit::new();
        certctl_store::tokens::revoke(&mut unit, id, self.now());
        self.audit(&mut unit, caller, Event::new(Action::EnrollmentTokenRevoked, id));
        match self.commit_edit(TOKEN, unit).await? {
            // Moved means that somebody else withdrew it just now, which is what was asked for.
            Committed::Done | Committed::Moved => Ok(()),
        }
    }
}
