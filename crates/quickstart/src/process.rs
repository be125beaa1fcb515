//! The processes of a quickstart: started from this executable, each with a log of its own, stopped together.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::bail;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};

/// A child with its log.
pub(crate) struct Process {
    /// What it is, for messages.
    pub(crate) name: &'static str,
    log: PathBuf,
    child: Child,
}

/// What to start.
pub(crate) struct Start {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Its settings; no other `CERTCTL_*` reaches it.
    pub(crate) settings: Vec<(&'static str, OsString)>,
    pub(crate) log: PathBuf,
}

impl Process {
    /// Starts it in a process group of its own, so that a Ctrl-C in the terminal reaches quickstart alone, which then
    /// stops everything in order.
    pub(crate) fn start(start: Start) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let log = options.append(true).create(true).mode(0o600).open(&start.log)?;
        let mut command = Command::new(&start.program);
        command.args(&start.args).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0).kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CERTCTL_")) {
            command.env_remove(name);
        }
        command.envs(start.settings);
        Ok(Self { name: start.name, log: start.log, child: command.spawn()? })
    }

    /// Returns when it has ended by itself.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to stop, and kills it when it takes longer than `patience`.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            crate::say(&format!("{} does not stop; killing it", self.name));
            let _ = self.child.kill().await;
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended meanwhile.
            let _ = kill_process(pid, signal);
        }
    }

    /// The last lines of its log.
    pub(crate) fn last_lines(&self) -> String {
        tail(&self.log, LINES).unwrap_or_default()
    }

    /// Its log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

fn tail(path: &Path, lines: usize) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

/// Makes this process end with its parent, even when the parent is killed: nothing may be left behind.
pub(crate) fn die_with(parent: Option<u32>) -> anyhow::Result<()> {
    let Some(parent) = parent else { return Ok(()) };
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // It may have died before the line above.
    let now = getppid().map(|pid| pid.as_raw_nonzero().get());
    if now != i32::try_from(parent).ok() {
        bail!("the process that started this one has ended");
    }
    Ok(())
}

/// Lines of a dead child's log that are shown.
const LINES: usize = 15;
const TAIL_BYTES: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_end_of_a_log() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text: String = (0..5_000).map(|line| format!("line {line}\n")).collect();
        std::fs::write(file.path(), text).expect("written");
        assert_eq!(tail(file.path(), 2).expect("read"), "line 4998\nline 4999");
    }
}
