//! Agents, as an operator sees them, and the tokens that admit them.

use certctl_wire::{
    Agent, AgentCreate, AgentCreated, EnrollmentToken, EnrollmentTokenCreate, EnrollmentTokenCreated, Page,
    RetireAnswer,
};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of agents that are not retired.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_list(&self, query: Query) -> Result<Page<Agent>, Error> {
        self.read(Call::get(api(["agents"])).query(query)).await
    }

    /// One page of retired agents.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_list_retired(&self, query: Query) -> Result<Page<Agent>, Error> {
        self.read(Call::get(api(["agents", "retired"])).query(query)).await
    }

    /// One agent, retired or not.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent(&self, id: &str) -> Result<Agent, Error> {
        self.read(Call::get(api(["agents", id]))).await
    }

    /// Makes a place for an agent; the token in the answer lets the program take it.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_create(&self, ask: &AgentCreate) -> Result<AgentCreated, Error> {
        self.read(Call::post(api(["agents"])).body(ask)?).await
    }

    /// Retires an agent: its credentials are dead at once. With a reason its targets go with it; without one the call is
    /// refused while something depends on it. `None`: it was retired before.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_retire(&self, id: &str, force_reason: Option<&str>) -> Result<Option<RetireAnswer>, Error> {
        let query = Query::new().filter("force", force_reason.map(|_| "true")).filter("reason", force_reason);
        let answer = self.send(Call::delete(api(["agents", id])).query(query)).await?;
        if answer.status == 204 { Ok(None) } else { self.parse(&answer.body).map(Some) }
    }

    /// Makes a token that admits agents.
    ///
    /// # Errors
    /// As every call.
    pub async fn enrollment_token_create(&self, ask: &EnrollmentTokenCreate) -> Result<EnrollmentTokenCreated, Error> {
        self.read(Call::post(api(["agents", "enrollment-tokens"])).body(ask)?).await
    }

    /// One page of tokens.
    ///
    /// # Errors
    /// As every call.
    pub async fn enrollment_token_list(&self, query: Query) -> Result<Page<EnrollmentToken>, Error> {
        self.read(Call::get(api(["agents", "enrollment-tokens"])).query(query)).await
    }

    /// Withdraws a token. Agents it admitted stay.
    ///
    /// # Errors
    /// As every call.
    pub async fn enrollment_token_revoke(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["agents", "enrollment-tokens", id]))).await
    }
}
