//! Issuers.

use certctl_wire::{Issuer, IssuerCreate, IssuerUpdate, Page, TestAnswer};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of issuers.
    ///
    /// # Errors
    /// As every call.
    pub async fn issuer_list(&self, query: Query) -> Result<Page<Issuer>, Error> {
        self.read(Call::get(api(["issuers"])).query(query)).await
    }

    /// One issuer.
    ///
    /// # Errors
    /// As every call.
    pub async fn issuer(&self, id: &str) -> Result<Issuer, Error> {
        self.read(Call::get(api(["issuers", id]))).await
    }

    /// Creates an issuer.
    ///
    /// # Errors
    /// As every call.
    pub async fn issuer_create(&self, ask: &IssuerCreate) -> Result<Issuer, Error> {
        self.read(Call::post(api(["issuers"])).body(ask)?).await
    }

    /// Changes an issuer; what is absent is kept. With `revision` only if it is still at that one.
    ///
    /// # Errors
    /// As every call.
    pub async fn issuer_update(&self, id: &str, change: &IssuerUpdate, revision: Option<i64>) -> Result<Issuer, Error> {
        self.read(Call::put(api(["issuers", id])).if_revision(revision).body(change)?).await
    }

    /// Deletes an issuer.
    ///
    /// # Errors
    /// As every call.
    pub async fn issuer_delete(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["issuers", id]))).await
    }

    /// Whether an issuer answers.
    ///
    /// # Errors
    /// As every call.
    pub async fn issuer_test(&self, id: &str) -> Result<TestAnswer, Error> {
        self.read(Call::post(api(["issuers", id, "test"]))).await
    }
}
