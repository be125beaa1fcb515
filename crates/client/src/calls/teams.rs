//! Teams.

use certctl_wire::{Page, Team, TeamCreate, TeamUpdate};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of teams.
    ///
    /// # Errors
    /// As every call.
    pub async fn team_list(&self, query: Query) -> Result<Page<Team>, Error> {
        self.read(Call::get(api(["teams"])).query(query)).await
    }

    /// One team.
    ///
    /// # Errors
    /// As every call.
    pub async fn team(&self, id: &str) -> Result<Team, Error> {
        self.read(Call::get(api(["teams", id]))).await
    }

    /// Creates a team.
    ///
    /// # Errors
    /// As every call.
    pub async fn team_create(&self, ask: &TeamCreate) -> Result<Team, Error> {
        self.read(Call::post(api(["teams"])).body(ask)?).await
    }

    /// Changes a team; what is absent is kept. With `revision` only if it is still at that one.
    ///
    /// # Errors
    /// As every call.
    pub async fn team_update(&self, id: &str, change: &TeamUpdate, revision: Option<i64>) -> Result<Team, Error> {
        self.read(Call::put(api(["teams", id])).if_revision(revision).body(change)?).await
    }

    /// Deletes a team.
    ///
    /// # Errors
    /// As every call.
    pub async fn team_delete(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["teams", id]))).await
    }
}
