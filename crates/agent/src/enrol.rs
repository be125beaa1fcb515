//! Becomes somebody: a token and a request, and in return an identity.

use std::{future::Future, time::Duration};

use anyhow::{Context, anyhow, bail};
use certctl_client::Client;
use certctl_wire::RegisterRequest;
use secrecy::SecretString;

use crate::{
    clock::Backoff,
    config::Config,
    identity::{Identity, Pending, token_sha256},
    link::is_passing,
    step::Step,
};

/// The identity in the state directory; without one, or when a token is given that did not admit this agent and the server
/// no longer knows the agent, a new one.
///
/// `None` when `stop` came first.
///
/// # Errors
/// The server refuses the token or the name: somebody must act.
pub(crate) async fn identity(
    config: &Config,
    client: &Client,
    token: Option<&SecretString>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Option<Identity>> {
    if let Some(identity) = Identity::load(&config.state_dir)? {
        let another = token.is_some_and(|token| token_sha256(token) != identity.token_sha256);
        if !another || !is_unknown(client, &identity).await {
            return Ok(Some(identity));
        }
        tracing::warn!(agent.id = identity.agent_id, "the server does not know this agent any more; enrolling anew");
    }
    let Some(token) = token else {
        bail!(
            "this agent has no identity yet and no token to get one; make one with `certctl agent enroll-token create` and \
             set CERTCTL_AGENT_BOOTSTRAP_TOKEN_FILE"
        );
    };
    tokio::select! {
        identity = enrol(config, client, token) => identity.map(Some),
        () = stop => Ok(None),
    }
}

/// Whether the server refuses the certificate and the key of `identity`.
async fn is_unknown(client: &Client, identity: &Identity) -> bool {
    for credentials in [identity.by_certificate(), identity.by_api_key()] {
        if client.credentials_replace(&credentials).is_err() {
            continue;
        }
        let answer = client.agent_heartbeat(&identity.agent_id, &certctl_wire::Heartbeat::default()).await;
        match answer {
            Err(error) if error.status() == Some(UNAUTHORIZED) => {}
            // An answer of any other kind, or none, says nothing about the identity.
            Ok(()) | Err(_) => return false,
        }
    }
    true
}

async fn enrol(config: &Config, client: &Client, token: &SecretString) -> anyhow::Result<Identity> {
    let pending = Pending::begin(&config.state_dir, Some(token))?;
    Step::EnrolmentRecorded.passed();
    let ask = RegisterRequest {
        name: config.name.clone(),
        hostname: config.hostname.clone(),
        os: Some(std::env::consts::OS.to_owned()),
        architecture: Some(std::env::consts::ARCH.to_owned()),
        ip_address: None,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        csr_pem: pending.csr_pem.clone(),
    };
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60));
    let answer = loop {
        match client.agent_register(token, &ask).await {
            Ok(answer) => break answer,
            Err(error) if is_passing(&error) && error.status() != Some(UNAUTHORIZED) => {
                let wait = backoff.next();
                tracing::warn!(%error, "the server cannot be asked for admission yet; again in {} ms", wait.as_millis());
                tokio::time::sleep(wait).await;
            }
            Err(error) => return Err(anyhow!(error).context("the server does not admit this agent")),
        }
    };
    Step::EnrolmentAnswered.passed();
    let chain = [answer.certificate_pem.as_str(), answer.chain_pem.as_str()];
    let identity = Identity::answered(&pending, answer.agent.id, &config.server, chain, answer.api_key);
    identity.certificate().map_err(anyhow::Error::msg).context("the server's answer cannot be used as identity")?;
    identity.store(&config.state_dir)?;
    Step::IdentityStored.passed();
    tracing::info!(agent.id = identity.agent_id, name = config.name, "enrolled");
    Ok(identity)
}

const UNAUTHORIZED: u16 = 401;
