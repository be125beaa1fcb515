//! Certificate profiles.

use certctl_wire::{Page, Profile, ProfileCreate, ProfileEditPending, ProfileUpdate};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of certificate profiles.
    ///
    /// # Errors
    /// As every call.
    pub async fn profile_list(&self, query: Query) -> Result<Page<Profile>, Error> {
        self.read(Call::get(api(["profiles"])).query(query)).await
    }

    /// One certificate profile.
    ///
    /// # Errors
    /// As every call.
    pub async fn profile(&self, id: &str) -> Result<Profile, Error> {
        self.read(Call::get(api(["profiles", id]))).await
    }

    /// Creates a certificate profile.
    ///
    /// # Errors
    /// As every call.
    pub async fn profile_create(&self, ask: &ProfileCreate) -> Result<Profile, Error> {
        self.read(Call::post(api(["profiles"])).body(ask)?).await
    }

    /// Changes a certificate profile; what is absent is kept. With `revision` only if it is still at that one. An edit that
    /// waits for a second person comes back as such.
    ///
    /// # Errors
    /// As every call.
    pub async fn profile_update(
        &self,
        id: &str,
        change: &ProfileUpdate,
        revision: Option<i64>,
    ) -> Result<Result<Profile, ProfileEditPending>, Error> {
        let answer = self.send(Call::put(api(["profiles", id])).if_revision(revision).body(change)?).await?;
        if answer.status == 202 { self.parse(&answer.body).map(Err) } else { self.parse(&answer.body).map(Ok) }
    }

    /// Deletes a certificate profile.
    ///
    /// # Errors
    /// As every call.
    pub async fn profile_delete(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["profiles", id]))).await
    }
}
