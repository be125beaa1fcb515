//! Renews the agent's own identity when two thirds of its life are over.

use std::time::Duration;

use certctl_pki::Timestamp;
use certctl_wire::IdentityRequest;

use crate::{
    clock::{Backoff, about},
    identity::{Identity, Pending},
    runtime::Runtime,
    step::Step,
};

/// Renews whenever it is due, until the agent stops.
pub(crate) async fn keep(runtime: &Runtime) {
    let mut backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(3600));
    loop {
        let Some(identity) = runtime.link.identity() else { return };
        let due = identity.renew_at().unwrap_or(Timestamp::MIN);
        let now = (runtime.clock)();
        let wait = if due > now {
            // Looking again from time to time is cheap, and right when the clock was changed.
            about(due.duration_since(now).min(LOOK_EVERY))
        } else {
            match renew(runtime, &identity).await {
                Ok(()) => {
                    backoff.reset();
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(error = %format!("{error:#}"), "the agent's identity could not be renewed yet");
                    backoff.next()
                }
            }
        };
        if !runtime.sleep(wait).await {
            return;
        }
    }
}

/// Renews an identity that expired while the agent was away, before anything else is said. `keep` goes on where that fails.
pub(crate) async fn catch_up(runtime: &Runtime) {
    let Some(identity) = runtime.link.identity().filter(|identity| !identity.is_valid_at((runtime.clock)())) else {
        return;
    };
    tracing::warn!(
        agent.id = identity.agent_id,
        "the agent's identity is past its time; renewing it by the agent's key"
    );
    let renewed = tokio::select! {
        renewed = renew(runtime, &identity) => renewed,
        () = runtime.stop.cancelled() => return,
    };
    if let Err(error) = renewed {
        tracing::warn!(error = %format!("{error:#}"), "the agent's identity could not be renewed yet");
    }
}

async fn renew(runtime: &Runtime, identity: &Identity) -> anyhow::Result<()> {
    let pending = Pending::begin(&runtime.state_dir, None)?;
    let ask = IdentityRequest { csr_pem: pending.csr_pem.clone() };
    let answer = runtime.link.identity_renew(&ask).await?;
    let renewed = identity.renewed(&pending, [&answer.certificate_pem, &answer.chain_pem]);
    let until = renewed.certificate().map_err(anyhow::Error::msg)?.not_after();
    renewed.store(&runtime.state_dir)?;
    Step::IdentityStored.passed();
    runtime.link.identity_replace(renewed)?;
    tracing::info!(agent.id = identity.agent_id, %until, "identity renewed");
    Ok(())
}

const LOOK_EVERY: Duration = Duration::from_secs(3600);
