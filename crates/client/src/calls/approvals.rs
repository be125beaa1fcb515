//! Approvals.

use certctl_wire::{Approval, ApprovalDecided, ApprovalDecision, Page};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of requests for a second person.
    ///
    /// # Errors
    /// As every call.
    pub async fn approval_list(&self, query: Query) -> Result<Page<Approval>, Error> {
        self.read(Call::get(api(["approvals"])).query(query)).await
    }

    /// One request for a second person.
    ///
    /// # Errors
    /// As every call.
    pub async fn approval(&self, id: &str) -> Result<Approval, Error> {
        self.read(Call::get(api(["approvals", id]))).await
    }

    /// Approves a request.
    ///
    /// # Errors
    /// As every call.
    pub async fn approval_approve(&self, id: &str, decision: &ApprovalDecision) -> Result<ApprovalDecided, Error> {
        self.read(Call::post(api(["approvals", id, "approve"])).body(decision)?).await
    }

    /// Rejects a request.
    ///
    /// # Errors
    /// As every call.
    pub async fn approval_reject(&self, id: &str, decision: &ApprovalDecision) -> Result<ApprovalDecided, Error> {
        self.read(Call::post(api(["approvals", id, "reject"])).body(decision)?).await
    }
}
