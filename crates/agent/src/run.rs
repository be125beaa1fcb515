//! The agent from start to stop.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    future::Future,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, bail};
use certctl_targets::{Policy, Settled, Site};
use rustix::fs::FlockOperation;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock,
    config::{Admission, Config},
    enrol, files, heartbeat,
    journal::Journal,
    keys::Keys,
    link::{self, Link},
    outbox::{Outbox, Queue},
    renewal,
    runtime::{Runtime, WORKERS},
    work,
};

/// Runs the agent until `shutdown` ends or the server says that the agent is retired; both are a success.
///
/// What is under way at that moment is finished: a deployment is never cut off in the middle by a stop.
///
/// # Errors
/// The host or the configuration does not allow the agent to run, or the server does not admit it.
pub async fn run(config: Config, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    files::private_directory(&config.state_dir).with_context(|| unusable("state", &config.state_dir))?;
    let _alone = alone(&config.state_dir)?;
    let policy = Policy::load(&config.policy_path, rustix::process::geteuid().as_raw())?;
    let site = Site::open(&config.state_dir, policy)?;
    let keys = Keys::open(&config.key_dir)?;
    recover(&site).await;

    let stop = CancellationToken::new();
    let asked = stop.clone();
    let watch = tokio::spawn(async move {
        shutdown.await;
        asked.cancel();
    });
    let Some(link) = Box::pin(link(&config, &stop)).await? else { return Ok(()) };
    let journal = Arc::new(Journal::open(&config.state_dir, clock::now).context("the journal cannot be used")?);
    let (outbox, queue) = Outbox::new(journal.clone());
    let runtime = Arc::new(Runtime {
        link,
        site,
        keys,
        journal,
        outbox,
        clock: clock::now,
        state_dir: config.state_dir,
        hostname: config.hostname,
        poll_interval: config.poll_interval,
        heartbeat_interval: config.heartbeat_interval,
        stop,
        slots: Arc::new(Semaphore::new(WORKERS)),
        jobs: TaskTracker::new(),
        busy: Mutex::new(HashMap::new()),
        targets: Mutex::new(HashMap::new()),
    });
    tracing::info!(agent.id = runtime.link.agent_id(), server = config.server, "ready");
    Box::pin(serve(&runtime, queue)).await;
    watch.abort();
    Ok(())
}

/// All tasks until the stop, then the rest in order: work under way, results not yet reported.
async fn serve(runtime: &Arc<Runtime>, mut queue: Queue) {
    let retired = async {
        runtime.link.retired().cancelled().await;
        tracing::warn!(agent.id = runtime.link.agent_id(), "the server says that this agent is retired; ending");
        runtime.stop.cancel();
    };
    renewal::catch_up(runtime).await;
    queue.flush(runtime, GREETING).await;
    let everything = async {
        tokio::join!(work::poll(runtime), heartbeat::beat(runtime), renewal::keep(runtime), async {
            tokio::select! {
                () = queue.deliver(runtime) => {}
                () = runtime.stop.cancelled() => {}
            }
        })
    };
    tokio::join!(everything, async {
        tokio::select! {
            () = retired => {}
            () = runtime.stop.cancelled() => {}
        }
    });
    runtime.jobs.close();
    if !runtime.jobs.is_empty() {
        tracing::info!(jobs = runtime.jobs.len(), "finishing what is under way");
    }
    runtime.jobs.wait().await;
    queue.flush(runtime, FAREWELL).await;
    tracing::info!("ended");
}

/// For results of earlier runs, before the first question.
const GREETING: Duration = Duration::from_secs(5);
/// For results that are left when the agent stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Settles what an earlier run left in the middle of a deployment, before anything else touches the files.
async fn recover(site: &Arc<Site>) {
    for recovered in certctl_targets::recover(site).await {
        let target = recovered.target;
        match recovered.outcome {
            Ok(Settled::Finished) => tracing::warn!(target.id = target, "an interrupted deployment was finished"),
            Ok(Settled::Undone) => tracing::warn!(target.id = target, "an interrupted deployment was undone"),
            Err(error) => tracing::error!(target.id = target, %error, "an interrupted deployment needs a look"),
        }
    }
}

/// The agent's way to the server; `None` when it was stopped before it had one.
async fn link(config: &Config, stop: &CancellationToken) -> anyhow::Result<Option<Link>> {
    let client = link::client(config)?;
    match &config.admission {
        Admission::Given { agent_id, .. } => Ok(Some(Link::given(client, agent_id))),
        Admission::Enrol { token } => {
            let identity = enrol::identity(config, &client, token.as_ref(), stop.clone().cancelled_owned()).await?;
            let Some(identity) = identity else { return Ok(None) };
            Ok(Some(Link::enrolled(client, identity, clock::now())?))
        }
    }
}

/// One agent per state directory; the lock goes with the process.
fn alone(state: &Path) -> anyhow::Result<File> {
    let path = state.join("agent.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| unusable("state", state))?;
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("another agent runs on {}; give each its own CERTCTL_AGENT_STATE_DIR", state.display());
    }
    Ok(file)
}

fn unusable(which: &str, path: &Path) -> String {
    format!("the {which} directory {} cannot be used; create it 0700 for the agent's user", path.display())
}
