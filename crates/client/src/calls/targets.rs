//! Targets.

use certctl_wire::{Page, Target, TargetCreate, TargetUpdate, TestAnswer};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of targets.
    ///
    /// # Errors
    /// As every call.
    pub async fn target_list(&self, query: Query) -> Result<Page<Target>, Error> {
        self.read(Call::get(api(["targets"])).query(query)).await
    }

    /// One target.
    ///
    /// # Errors
    /// As every call.
    pub async fn target(&self, id: &str) -> Result<Target, Error> {
        self.read(Call::get(api(["targets", id]))).await
    }

    /// Creates a target.
    ///
    /// # Errors
    /// As every call.
    pub async fn target_create(&self, ask: &TargetCreate) -> Result<Target, Error> {
        self.read(Call::post(api(["targets"])).body(ask)?).await
    }

    /// Changes a target; what is absent is kept. With `revision` only if it is still at that one.
    ///
    /// # Errors
    /// As every call.
    pub async fn target_update(&self, id: &str, change: &TargetUpdate, revision: Option<i64>) -> Result<Target, Error> {
        self.read(Call::put(api(["targets", id])).if_revision(revision).body(change)?).await
    }

    /// Deletes a target.
    ///
    /// # Errors
    /// As every call.
    pub async fn target_delete(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["targets", id]))).await
    }

    /// Has the agent of a target look whether a deployment could succeed; `pending` when it has not answered in time.
    ///
    /// # Errors
    /// As every call.
    pub async fn target_test(&self, id: &str) -> Result<TestAnswer, Error> {
        self.read(Call::post(api(["targets", id, "test"]))).await
    }
}
