//! The agent's side of the wire: one client, the credential that works, and what an answer means for the agent as a whole.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use certctl_client::{Class, Client, Error, Options, RetryPolicy};
use certctl_pki::Timestamp;
use certctl_wire::{AgentCertificate, CsrSubmit, Heartbeat, IdentityAnswer, IdentityRequest, JobStatusReport, Work};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, identity::Identity};

/// Calls the server as this agent.
pub(crate) struct Link {
    client: Client,
    agent_id: String,
    caller: Mutex<Caller>,
    retired: CancellationToken,
}

/// How the agent proves who it is.
enum Caller {
    /// The key was given from outside; there is nothing else.
    Given,
    /// By certificate while it is valid and gets through, else by key.
    Enrolled { identity: Identity, using: Using },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Using {
    Certificate,
    ApiKey,
}

impl Link {
    /// A link for an agent whose id and key were given.
    pub(crate) fn given(client: Client, agent_id: &str) -> Self {
        Self::new(client, agent_id.to_owned(), Caller::Given)
    }

    /// A link for an enrolled agent.
    ///
    /// # Errors
    /// The identity cannot be used with the client.
    pub(crate) fn enrolled(client: Client, identity: Identity, now: Timestamp) -> Result<Self, Error> {
        let agent_id = identity.agent_id.clone();
        let using = if identity.is_valid_at(now) { Using::Certificate } else { Using::ApiKey };
        client.credentials_replace(&credentials(&identity, using))?;
        Ok(Self::new(client, agent_id, Caller::Enrolled { identity, using }))
    }

    fn new(client: Client, agent_id: String, caller: Caller) -> Self {
        Self { client, agent_id, caller: Mutex::new(caller), retired: CancellationToken::new() }
    }

    /// Ends when the server says that this agent was retired.
    pub(crate) fn retired(&self) -> &CancellationToken {
        &self.retired
    }

    pub(crate) fn agent_id(&self) -> &str {
        &self.agent_id
    }

    /// The identity, if the agent has one of its own.
    pub(crate) fn identity(&self) -> Option<Identity> {
        match &*self.caller.lock().unwrap_or_else(PoisonError::into_inner) {
            Caller::Enrolled { identity, .. } => Some(identity.clone()),
            Caller::Given => None,
        }
    }

    /// Calls under a renewed identity from now on.
    pub(crate) fn identity_replace(&self, identity: Identity) -> Result<(), Error> {
        self.client.credentials_replace(&identity.by_certificate())?;
        let caller = Caller::Enrolled { identity, using: Using::Certificate };
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = caller;
        Ok(())
    }

    pub(crate) async fn heartbeat(&self, facts: &Heartbeat) -> Result<(), Error> {
        self.noting(self.client.agent_heartbeat(&self.agent_id, facts)).await
    }

    pub(crate) async fn work(&self, wait: Duration) -> Result<Work, Error> {
        self.noting(self.client.agent_work(&self.agent_id, wait)).await
    }

    pub(crate) async fn work_resume(&self) -> Result<Work, Error> {
        self.noting(self.client.agent_work_resume(&self.agent_id)).await
    }

    pub(crate) async fn csr_submit(&self, csr: &CsrSubmit) -> Result<String, Error> {
        self.noting(self.client.agent_csr_submit(&self.agent_id, csr)).await
    }

    pub(crate) async fn certificate(&self, certificate_id: &str) -> Result<AgentCertificate, Error> {
        self.noting(self.client.agent_certificate(&self.agent_id, certificate_id)).await
    }

    pub(crate) async fn job_report(&self, job_id: &str, report: &JobStatusReport) -> Result<(), Error> {
        self.noting(self.client.agent_job_report(&self.agent_id, job_id, report)).await
    }

    pub(crate) async fn identity_renew(&self, ask: &IdentityRequest) -> Result<IdentityAnswer, Error> {
        self.noting(self.client.agent_identity_renew(&self.agent_id, ask)).await
    }

    /// Draws the conclusions that concern the agent as a whole; the caller still gets the error.
    async fn noting<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let result = call.await;
        if let Err(error) = &result {
            if error.status() == Some(GONE) {
                self.retired.cancel();
            }
            if error.class() == Class::NotAuthenticated {
                self.try_the_other_credential();
            }
        }
        result
    }

    /// A proxy may end TLS and drop the certificate, and a certificate expires: then the key speaks. And the other way
    /// round, when a key was replaced.
    fn try_the_other_credential(&self) {
        let mut caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        let Caller::Enrolled { identity, using } = &mut *caller else { return };
        let other = match using {
            Using::Certificate => Using::ApiKey,
            Using::ApiKey => Using::Certificate,
        };
        match self.client.credentials_replace(&credentials(identity, other)) {
            Ok(()) => {
                tracing::warn!(from = ?using, to = ?other, "the server does not know this credential; trying the other");
                *using = other;
            }
            Err(error) => tracing::error!(%error, "the agent's identity cannot be used"),
        }
    }
}

/// A client for `config` without credentials.
pub(crate) fn client(config: &Config) -> Result<Client, Error> {
    let mut options = Options::new(&config.server);
    options.roots = config.roots.clone();
    options.insecure = config.insecure;
    options.user_agent = concat!("certctl-agent/", env!("CARGO_PKG_VERSION")).to_owned();
    // Every caller here has its own, longer patience.
    options.retry = RetryPolicy { tries: 2, ..RetryPolicy::default() };
    if let crate::config::Admission::Given { api_key, .. } = &config.admission {
        options.credentials = certctl_client::Credentials::api_key(api_key.clone());
    }
    Client::new(options)
}

/// Whether the same call may succeed later without anybody doing anything.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error.class() {
        Class::Unavailable | Class::RateLimited => true,
        // A credential may be replaced, a proxy repaired; what was to be said stays true.
        Class::NotAuthenticated | Class::Forbidden => true,
        Class::Failed => true,
        Class::Usage | Class::NotFound | Class::Conflict | Class::Invalid => false,
    }
}

fn credentials(identity: &Identity, using: Using) -> certctl_client::Credentials {
    match using {
        Using::Certificate => identity.by_certificate(),
        Using::ApiKey => identity.by_api_key(),
    }
}

const GONE: u16 = 410;
