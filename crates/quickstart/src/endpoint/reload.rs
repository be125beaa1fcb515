//! Asks a running endpoint to load its pair again, and waits for the outcome.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::status::{self, OK, Status};

/// Returns when the endpoint serves the pair that lay there when it was asked.
pub(super) async fn reload(path: &Path) -> anyhow::Result<()> {
    let give_up = Instant::now() + PATIENCE;
    let before = wait(path, give_up, |_| true).await?;
    let pid = i32::try_from(before.pid).ok().and_then(Pid::from_raw);
    let pid = pid.with_context(|| format!("{} does not hold a process id", path.display()))?;
    kill_process(pid, Signal::HUP).with_context(|| format!("process {} cannot be signalled", before.pid))?;
    let after = wait(path, give_up, |status| status.loads > before.loads).await?;
    if after.outcome != OK {
        bail!("the endpoint keeps what it served: {}", after.outcome);
    }
    Ok(())
}

async fn wait(path: &Path, give_up: Instant, wanted: impl Fn(&Status) -> bool) -> anyhow::Result<Status> {
    loop {
        let status = status::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if let Some(status) = status.filter(&wanted) {
            return Ok(status);
        }
        if Instant::now() >= give_up {
            bail!("no endpoint holds {}; start one with: certctl demo-endpoint --dir …", path.display());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);
