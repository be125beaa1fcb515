//! Owners.

use certctl_wire::{Owner, OwnerCreate, OwnerUpdate, Page};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of owners.
    ///
    /// # Errors
    /// As every call.
    pub async fn owner_list(&self, query: Query) -> Result<Page<Owner>, Error> {
        self.read(Call::get(api(["owners"])).query(query)).await
    }

    /// One owner.
    ///
    /// # Errors
    /// As every call.
    pub async fn owner(&self, id: &str) -> Result<Owner, Error> {
        self.read(Call::get(api(["owners", id]))).await
    }

    /// Creates an owner.
    ///
    /// # Errors
    /// As every call.
    pub async fn owner_create(&self, ask: &OwnerCreate) -> Result<Owner, Error> {
        self.read(Call::post(api(["owners"])).body(ask)?).await
    }

    /// Changes an owner; what is absent is kept. With `revision` only if it is still at that one.
    ///
    /// # Errors
    /// As every call.
    pub async fn owner_update(&self, id: &str, change: &OwnerUpdate, revision: Option<i64>) -> Result<Owner, Error> {
        self.read(Call::put(api(["owners", id])).if_revision(revision).body(change)?).await
    }

    /// Deletes an owner.
    ///
    /// # Errors
    /// As every call.
    pub async fn owner_delete(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["owners", id]))).await
    }
}
