//! Programs under measurement.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

const STOP_WITHIN: Duration = Duration::from_secs(40);

/// A program that ends with this value.
pub(super) struct Running(Child);

impl Running {
    /// Starts `program` with an environment of nothing but `environment`; its log goes to `log`.
    pub(super) fn start(program: &Path, environment: &[(&str, String)], log: &Path) -> Result<Self> {
        let log = std::fs::File::create(log).with_context(|| format!("writing {}", log.display()))?;
        let child = Command::new(program)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        Ok(Self(child))
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Result<Option<String>> {
        Ok(self.0.try_wait()?.map(|status| status.to_string()))
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(&mut self) -> Result<()> {
        let id = Pid::from_raw(i32::try_from(self.0.id())?).context("a process id is positive")?;
        kill_process(id, Signal::TERM)?;
        let began = Instant::now();
        while self.0.try_wait()?.is_none() {
            ensure!(began.elapsed() < STOP_WITHIN, "it did not stop within {} s", STOP_WITHIN.as_secs());
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Resident memory in MB (2^20 bytes).
    pub(super) fn resident_mb(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.0.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let kilobytes = status.lines().find_map(|line| {
            line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB").and_then(|number| number.trim().parse::<f64>().ok())
        });
        Ok(kilobytes.context("the kernel tells resident memory")? / 1024.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to do about one that cannot be waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
