//! Renewal policies.

use certctl_wire::{Page, RenewalPolicy, RenewalPolicyCreate, RenewalPolicyUpdate};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of renewal policies.
    ///
    /// # Errors
    /// As every call.
    pub async fn renewal_policy_list(&self, query: Query) -> Result<Page<RenewalPolicy>, Error> {
        self.read(Call::get(api(["renewal-policies"])).query(query)).await
    }

    /// One renewal policy.
    ///
    /// # Errors
    /// As every call.
    pub async fn renewal_policy(&self, id: &str) -> Result<RenewalPolicy, Error> {
        self.read(Call::get(api(["renewal-policies", id]))).await
    }

    /// Creates a renewal policy.
    ///
    /// # Errors
    /// As every call.
    pub async fn renewal_policy_create(&self, ask: &RenewalPolicyCreate) -> Result<RenewalPolicy, Error> {
        self.read(Call::post(api(["renewal-policies"])).body(ask)?).await
    }

    /// Changes a renewal policy; what is absent is kept. With `revision` only if it is still at that one.
    ///
    /// # Errors
    /// As every call.
    pub async fn renewal_policy_update(
        &self,
        id: &str,
        change: &RenewalPolicyUpdate,
        revision: Option<i64>,
    ) -> Result<RenewalPolicy, Error> {
        self.read(Call::put(api(["renewal-policies", id])).if_revision(revision).body(change)?).await
    }

    /// Deletes a renewal policy.
    ///
    /// # Errors
    /// As every call.
    pub async fn renewal_policy_delete(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["renewal-policies", id]))).await
    }
}
