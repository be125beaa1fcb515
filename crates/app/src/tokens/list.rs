//! Tokens are shown, without their text.

use certctl_domain::agent::EnrollmentToken;
use certctl_domain::permission::Permission;

use crate::caller::Caller;
use crate::error::Result;
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// Enrolment tokens, newest first.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn enrollment_token_list(&self, caller: &Caller, window: &Window) -> Result<Listed<EnrollmentToken>> {
        caller.require(Permission::AgentEdit)?;
        Ok(certctl_store::tokens::list(self.db(), window).await?)
    }
}
