//! The steps, in order. Each finds what an earlier start has left, and does only what is missing.

mod admin;
mod agent;
mod endpoint;
mod inventory;
mod serve;
mod server;
mod target;

use std::time::{Duration, Instant};

use certctl_client::{Class, Client, Error};
use certctl_wire::{QuickstartServed, QuickstartSummary};

use crate::context;
use crate::failure::Failure;
use crate::run::Run;

pub(crate) use serve::watch;

/// Name and id of everything that quickstart makes, fixed so that a later start finds it.
pub(crate) const NAME: &str = "quickstart";
/// The name that is certified and served.
pub(crate) const SERVED_NAME: &str = "quickstart.localhost";

/// Takes all steps.
pub(crate) async fn all(run: &Run) -> Result<(QuickstartSummary, Client), Failure> {
    let anonymous = server::start(run).await?;
    let client = admin::enter(run, &anonymous).await?;
    inventory::ensure(run, &client).await?;
    // Before the agent is there, without which nothing is issued.
    let earlier = serve::earlier(&client).await?;
    // Before the agent too: from its first question on it may be given a deployment, which reloads the endpoint and goes
    // where the target says.
    endpoint::start(run).await?;
    if let Some(known) = agent::known(&client).await? {
        target::ensure(run, &client, &known).await?;
    }
    let agent_id = agent::start(run, &client).await?;
    target::ensure(run, &client, &agent_id).await?;
    let proof = serve::prove(run, &client, earlier.as_ref()).await?;
    let summary = QuickstartSummary {
        ok: true,
        server: context::server_url(run.ports),
        ca: run.layout.shown.join("ca.pem").display().to_string(),
        agent_id,
        certificate_id: NAME.to_owned(),
        version_id: proof.version.id,
        job_ids: proof.job_ids,
        serial: proof.version.serial_number,
        served: QuickstartServed {
            endpoint: endpoint::address(run),
            server_name: SERVED_NAME.to_owned(),
            fingerprint_sha256: proof.version.fingerprint_sha256,
        },
        ms: run.total(),
    };
    Ok((summary, client))
}

/// Makes a failure of a call that did not succeed.
fn call_failed(step: &'static str, what: &'static str) -> impl Fn(Error) -> Failure {
    move |error| {
        let code = error.problem().map_or("unreachable", |problem| problem.code.as_str()).to_owned();
        Failure::new(step, code, format!("{what}: {error}")).hint("see logs/server.log")
    }
}

/// What is there, or nothing when the server does not know it.
fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if error.class() == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks again and again until there is an answer; `late` says what to report when none comes in time.
async fn wait<T>(
    patience: Duration,
    mut ask: impl AsyncFnMut() -> Result<Option<T>, Failure>,
    late: impl Fn() -> Failure,
) -> Result<T, Failure> {
    let give_up = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() >= give_up {
            return Err(late());
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Well below what one actor may ask for.
const ASK_AGAIN: Duration = Duration::from_millis(40);
