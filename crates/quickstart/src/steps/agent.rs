//! ⑤ The agent: admitted by a token that works once, allowed to write one directory and to run one command.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use certctl_client::{Client, Query};
use certctl_wire::{Agent, AgentStatus, EnrollmentTokenCreate};

use super::{NAME, call_failed, target};
use crate::child::Role;
use crate::context::server_url;
use crate::failure::Failure;
use crate::layout::write_private;
use crate::process::Start;
use crate::run::Run;
use crate::say;

const STEP: &str = "enrol";

/// The agent of an earlier start.
pub(super) async fn known(client: &Client) -> Result<Option<String>, Failure> {
    Ok(named(client).await?.map(|agent| agent.id))
}

/// Starts it and waits until the server has heard of it; the answer is its id.
pub(super) async fn start(run: &Run, client: &Client) -> Result<String, Failure> {
    let since = Instant::now();
    write_policy(run)?;
    let known = named(client).await?;
    let state = run.layout.agent().join("state");
    let identity = state.join(IDENTITY_NAME);
    let before = std::fs::read(&identity).ok();
    let token_file = run.layout.agent().join("enrolment-token");
    let enrols = known.is_none() || before.is_none();
    if enrols {
        admit(client, known.as_ref(), &token_file).await?;
    }
    run.processes
        .start(process(run, &state, &token_file))
        .map_err(|error| Failure::new(STEP, "start", format!("the agent: {error}")))?;
    let heard_before = known.as_ref().and_then(|agent| agent.last_heartbeat_at.clone());
    let agent = super::wait(
        PATIENCE,
        async || Ok(named(client).await?.filter(|agent| is_back(agent, heard_before.as_deref()))),
        || Failure::new(STEP, "agent_silent", "the agent did not enrol in time").hint("see logs/agent.log"),
    )
    .await?;
    // It has its own credential now.
    let _ = std::fs::remove_file(&token_file);
    if before.is_some() && before != std::fs::read(&identity).ok() {
        say("  the agent's identity was past its time; it has renewed it");
    }
    let what = if enrols { "agent enrolled by a token that works once" } else { "agent is back, known to the server" };
    run.done('⑤', what, since, |ms, took| ms.enrol = Some(took));
    Ok(agent.id)
}

/// Whether the server has heard of it since it was started.
fn is_back(agent: &Agent, heard_before: Option<&str>) -> bool {
    let online = match agent.status {
        AgentStatus::Online | AgentStatus::Degraded => true,
        AgentStatus::Offline => false,
    };
    online && agent.last_heartbeat_at.is_some() && agent.last_heartbeat_at.as_deref() != heard_before
}

async fn named(client: &Client) -> Result<Option<Agent>, Failure> {
    let page = client.agent_list(Query::new().per_page(100)).await.map_err(call_failed(STEP, "the list of agents"))?;
    Ok(page.data.into_iter().find(|agent| agent.name == NAME))
}

/// A token for one use: for this name, or for the agent of an earlier start that lost its state.
async fn admit(client: &Client, known: Option<&Agent>, file: &Path) -> Result<(), Failure> {
    let ask = EnrollmentTokenCreate {
        ttl_seconds: Some(TOKEN_SECONDS),
        max_uses: Some(1),
        name_pattern: Some(NAME.to_owned()),
        agent_id: known.map(|agent| agent.id.clone()),
    };
    let made = client.enrollment_token_create(&ask).await.map_err(call_failed(STEP, "the enrolment token"))?;
    write_private(file, &format!("{}\n", made.token))
        .map_err(|error| Failure::new(STEP, "data_dir", format!("{} cannot be written: {error}", file.display())))
}

fn process(run: &Run, state: &Path, token_file: &Path) -> Start {
    let mut settings: Vec<(&'static str, OsString)> = vec![
        ("CERTCTL_SERVER_URL", server_url(run.ports).into()),
        ("CERTCTL_SERVER_CA_BUNDLE_PATH", run.layout.ca().into()),
        ("CERTCTL_AGENT_NAME", NAME.into()),
        ("CERTCTL_AGENT_STATE_DIR", state.into()),
        ("CERTCTL_KEY_DIR", run.layout.agent().join("keys").into()),
        ("CERTCTL_AGENT_POLICY_PATH", run.layout.policy().into()),
        ("CERTCTL_LOG_FORMAT", "text".into()),
    ];
    if token_file.exists() {
        settings.push(("CERTCTL_AGENT_BOOTSTRAP_TOKEN_FILE", token_file.into()));
    }
    Start {
        name: "agent",
        program: run.executable.clone(),
        args: Role::Agent.args(),
        settings,
        log: run.layout.logs().join("agent.log"),
    }
}

/// Everything the agent may do: nothing that arrives over the network can widen it.
fn write_policy(run: &Run) -> Result<(), Failure> {
    let words: Vec<toml::Value> = target::reload_command(run).into_iter().map(toml::Value::String).collect();
    let demo = toml::Value::String(run.layout.demo().display().to_string());
    let text = format!("allowed_paths = [{demo}]\nallowed_commands = [{}]\n", toml::Value::Array(words));
    write_private(&run.layout.policy(), &text)
        .map_err(|error| Failure::new(STEP, "data_dir", format!("the agent's policy cannot be written: {error}")))
}

/// What the agent keeps of its enrolment, within its state directory.
const IDENTITY_NAME: &str = "identity.json";
const TOKEN_SECONDS: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(30);
