//! The audit log.

use certctl_wire::{AuditEvent, Page};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of audit events, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn audit_list(&self, query: Query) -> Result<Page<AuditEvent>, Error> {
        self.read(Call::get(api(["audit"])).query(query)).await
    }

    /// One audit event.
    ///
    /// # Errors
    /// As every call.
    pub async fn audit_event(&self, id: &str) -> Result<AuditEvent, Error> {
        self.read(Call::get(api(["audit", id]))).await
    }
}
