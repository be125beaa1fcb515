//! Requests for a second person are shown.

use certctl_domain::approval::Approval;
use certctl_domain::ids::ApprovalId;
use certctl_domain::permission::Permission;

use super::{APPROVAL, ApprovalFilter};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One request.
    ///
    /// # Errors
    /// Missing.
    pub async fn approval_get(&self, caller: &Caller, id: &ApprovalId) -> Result<Approval> {
        caller.require(Permission::ApprovalRead)?;
        self.approval(id).await
    }

    /// Requests, newest first.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn approval_list(
        &self,
        caller: &Caller,
        filter: &ApprovalFilter,
        window: &Window,
    ) -> Result<Listed<Approval>> {
        caller.require(Permission::ApprovalRead)?;
        Ok(certctl_store::approvals::list(self.db(), filter, window).await?)
    }

    pub(crate) async fn approval(&self, id: &ApprovalId) -> Result<Approval> {
        let approval = certctl_store::approvals::get(self.db(), id).await?;
        approval.ok_or_else(|| Error::missing(APPROVAL.what, id))
    }
}
