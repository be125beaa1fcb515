//! Programs under test: found where the task put them, started with an environment of nothing but what is given, and gone when
//! the test is over.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A program as it ships; `None` (noted as skipped) where nobody has built it.
pub(crate) fn shipped(name: &str) -> Option<PathBuf> {
    built(programs()?.join(name))
}

/// The same program with failpoints.
#[expect(clippy::allow_attributes, reason = "not every test program kills at failpoints")]
#[allow(dead_code, reason = "not every test program kills at failpoints")]
pub(crate) fn with_failpoints(name: &str) -> Option<PathBuf> {
    built(programs()?.join("faults").join(name))
}

/// Where the task put what it built, or else where a plain `cargo build` leaves it.
#[expect(clippy::disallowed_methods, reason = "tests take their programs from the environment")]
fn programs() -> Option<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.to_path_buf());
    std::env::var("CERTCTL_TEST_BIN").ok().map(PathBuf::from).or_else(beside)
}

fn built(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    certctl_testkit::skip::note(&format!("{} was not built", path.display()), "cargo xtask test");
    None
}

/// A running program, in a process group of its own. Ends with this value.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; standard output and standard error go to two files, `log` and the same with `.out` behind it.
    pub(crate) fn start(program: &Path, args: &[&str], env: &[(String, String)], log: &Path) -> Self {
        let append = |path: &Path| {
            std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a log can be written")
        };
        let child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(append(&log.with_extension("out")))
            .stderr(append(log))
            .process_group(0)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self { child, log: log.to_owned() }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard error, and everything that was before it in the same file.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it wrote to standard output.
    #[expect(clippy::allow_attributes, reason = "not every test program reads it")]
    #[allow(dead_code, reason = "not every test program reads it")]
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.log.with_extension("out")).unwrap_or_default()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child has a number");
        kill_process(pid, signal).expect("a child that was not waited for can be signalled");
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self, what: &str, within: Duration) -> ExitStatus {
        let log = self.log.clone();
        let deadline = Instant::now() + within;
        certctl_testkit::wait::until(what, within + Duration::from_secs(1), async || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(
                ended.is_some() || Instant::now() < deadline,
                "{what}: not within {within:?}; its log:\n{}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
            ended
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A program that has processes of its own gets the time to end them; a stopped one is let on first.
        self.signal(Signal::CONT);
        self.signal(Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(6);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(10));
        }
        // It may have ended by itself meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
