//! The audit log is shown.

use certctl_domain::ids::EventId;
use certctl_domain::permission::Permission;

pub use certctl_store::audit::{Filter as EventFilter, Stored as StoredEvent};

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// Events, newest first.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Refused`] on `until` when it is not after `since`.
    pub async fn audit_list(
        &self,
        caller: &Caller,
        filter: &EventFilter,
        window: &Window,
    ) -> Result<Listed<StoredEvent>> {
        caller.require(Permission::AuditRead)?;
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && until <= since
        {
            return Err(Error::invalid("until", "is not after since"));
        }
        Ok(certctl_store::audit::list(self.db(), filter, window).await?)
    }

    /// One event, by its own id.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Missing`].
    pub async fn audit_get(&self, caller: &Caller, id: &EventId) -> Result<StoredEvent> {
        caller.require(Permission::AuditRead)?;
        certctl_store::audit::get(self.db(), id).await?.ok_or_else(|| Error::missing("audit event", id))
    }
}
