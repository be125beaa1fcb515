//! The processes of a quickstart: each with a log of its own, watched while they run, stopped together.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};

/// What to start.
pub(crate) struct Start {
    /// What it is, for messages.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Its settings; no other `CERTCTL_*` reaches it.
    pub(crate) settings: Vec<(&'static str, OsString)>,
    pub(crate) log: PathBuf,
}

/// All processes, in the order of their start.
pub(crate) struct Processes {
    running: Mutex<Vec<Process>>,
    ended: mpsc::UnboundedSender<Ended>,
}

/// A process that ended by itself.
pub(crate) struct Ended {
    pub(crate) name: &'static str,
    pub(crate) status: Option<ExitStatus>,
    pub(crate) log: PathBuf,
}

#[derive(Clone)]
struct Process {
    name: &'static str,
    pid: Option<Pid>,
    gone: watch::Receiver<bool>,
}

impl Processes {
    /// No processes yet; the receiver hears of each that ends.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Ended>) {
        let (ended, heard) = mpsc::unbounded_channel();
        (Self { running: Mutex::new(Vec::new()), ended }, heard)
    }

    /// Starts one in a process group of its own, so that a Ctrl-C in the terminal reaches quickstart alone, which then stops
    /// everything in order. Must be called on the main thread: a child dies with the *thread* that started it.
    pub(crate) fn start(&self, start: Start) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let log = options.append(true).create(true).mode(0o600).open(&start.log)?;
        let mut command = Command::new(&start.program);
        command.args(&start.args).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0).kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CERTCTL_")) {
            command.env_remove(name);
        }
        command.envs(start.settings);
        let mut child = command.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let (going, gone) = watch::channel(false);
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let status = child.wait().await.ok();
            let _ = going.send(true);
            let _ = ended.send(Ended { name: start.name, status, log: start.log });
        });
        self.lock().push(Process { name: start.name, pid, gone });
        Ok(())
    }

    /// Name and number of each that runs, for people.
    pub(crate) fn told(&self) -> String {
        let running = self.lock();
        let pids =
            running.iter().filter_map(|process| Some(format!("{} {}", process.name, process.pid?.as_raw_nonzero())));
        pids.collect::<Vec<_>>().join(", ")
    }

    /// Stops everything: the last started first, the first one (on which the others depend) when they are gone.
    pub(crate) async fn stop(&self) {
        let mut all: Vec<Process> = self.lock().drain(..).collect();
        if all.is_empty() {
            return;
        }
        let dependent = all.split_off(1);
        for process in &dependent {
            process.signal(Signal::TERM);
        }
        for mut process in dependent {
            process.wait_or_kill(PATIENCE).await;
        }
        for mut process in all {
            process.signal(Signal::TERM);
            process.wait_or_kill(PATIENCE).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    fn signal(&self, signal: Signal) {
        // A process that is gone has been waited for, and its number may belong to somebody else.
        if let Some(pid) = self.pid.filter(|_| !*self.gone.borrow()) {
            let _ = kill_process(pid, signal);
        }
    }

    async fn wait_or_kill(&mut self, patience: Duration) {
        if tokio::time::timeout(patience, self.gone.wait_for(|gone| *gone)).await.is_err() {
            crate::say(&format!("{} does not stop; killing it", self.name));
            self.signal(Signal::KILL);
            let _ = self.gone.wait_for(|gone| *gone).await;
        }
    }
}

impl Ended {
    /// What to tell: how it ended and the last lines of its log.
    pub(crate) fn told(&self) -> String {
        let how = self.status.map_or_else(|| "cannot be waited for".to_owned(), |status| format!("ended: {status}"));
        let lines = tail(&self.log, LINES).unwrap_or_default();
        format!("the {} {how}; the last lines of {}:\n{lines}", self.name, self.log.display())
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

/// Two of these, and all is over within five seconds.
const PATIENCE: Duration = Duration::from_millis(2_200);
/// Lines of a dead process's log that are shown.
const LINES: usize = 15;
const TAIL_BYTES: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(log: &Path, line: &str) -> Start {
        let args = ["-c", line].map(OsString::from).to_vec();
        Start { name: "shell", program: "/bin/sh".into(), args, settings: Vec::new(), log: log.to_owned() }
    }

    #[test]
    fn a_tail_is_the_end_of_a_log() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text: String = (0..5_000).map(|line| format!("line {line}\n")).collect();
        std::fs::write(file.path(), text).expect("written");
        assert_eq!(tail(file.path(), 2).expect("read"), "line 4998\nline 4999");
    }

    #[tokio::test]
    async fn one_that_dies_is_heard_of_with_its_last_words() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (processes, mut heard) = Processes::new();
        processes.start(shell(&home.path().join("log"), "echo farewell; exit 3")).expect("started");
        let ended = heard.recv().await.expect("it ends").told();
        assert!(ended.contains("exit status: 3") && ended.ends_with("farewell"), "{ended}");
        processes.stop().await;
    }

    #[tokio::test]
    async fn all_are_stopped_even_those_that_will_not() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let log = home.path().join("log");
        let (processes, mut heard) = Processes::new();
        processes.start(shell(&log, "exec sleep 600")).expect("started");
        processes.start(shell(&log, "trap '' TERM; while :; do sleep 1; done")).expect("started");
        let started = tokio::time::Instant::now();
        processes.stop().await;
        assert!(started.elapsed() < Duration::from_secs(5));
        for _ in 0..2 {
            assert!(heard.recv().await.is_some());
        }
    }
}
