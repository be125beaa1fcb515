//! Quickstarts under test: one is started, looked at from outside, and ended by Ctrl-C.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use certctl_pki::{Certificate, Timestamp};
use certctl_testkit::wait;
use certctl_wire::QuickstartSummary;
use rustix::process::{Pid, Signal, getpgid};

use crate::https::{As, Https};
use crate::openssl::{Fetched, fetch};
use crate::process::{Process, shipped};

pub(crate) const SERVED_WITHIN: Duration = Duration::from_secs(120);

/// A quickstart that holds after its summary.
pub(crate) struct Quickstart {
    pub(crate) process: Process,
    pub(crate) summary: QuickstartSummary,
    pub(crate) home: Home,
}

/// Where quickstarts are run: the program, and a directory that goes with the test.
pub(crate) struct Home {
    pub(crate) program: PathBuf,
    pub(crate) directory: tempfile::TempDir,
    /// Of the data directory.
    pub(crate) name: String,
}

impl Home {
    /// `None` (noted as skipped) without the program.
    pub(crate) fn new() -> Option<Self> {
        let program = shipped("certctl")?;
        Some(Self { program, directory: tempfile::tempdir().expect("a temporary directory"), name: "data".to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(&self.name)
    }

    /// What the processes of a quickstart have logged.
    pub(crate) fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.data().join("logs").join(name)).unwrap_or_default();
        ["server.log", "agent.log", "endpoint.log"].map(|name| format!("--- {name}\n{}", read(name))).concat()
    }

    /// Starts `certctl quickstart` on the one data directory, with a log of its own.
    pub(crate) fn run(&self, name: &str, args: &[&str]) -> Process {
        let data = self.data().display().to_string();
        let args = [&["quickstart", "--data-dir", &data], args].concat();
        let home = ("HOME".to_owned(), self.path().display().to_string());
        Process::start(&self.program, &args, &[home], &self.path().join(name))
    }

    /// Starts one and waits until it has proved its certificate.
    pub(crate) async fn start(self, name: &str) -> Quickstart {
        let mut process = self.run(name, &["--once", "--hold", "900", "--port", "0"]);
        let summary = wait::until("the summary of a quickstart", SERVED_WITHIN, async || {
            let text = process.output();
            if !text.ends_with('\n') {
                assert!(process.ended().is_none(), "quickstart ended:\n{}\n{text}", process.log());
                return None;
            }
            Some(
                serde_json::from_str(&text)
                    .unwrap_or_else(|error| panic!("{error}: {text}\n{}{}", process.log(), self.logs())),
            )
        })
        .await;
        Quickstart { process, summary, home: self }
    }
}

impl Quickstart {
    pub(crate) async fn start() -> Option<Self> {
        Some(Home::new()?.start("quickstart.log").await)
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn ca(&self) -> Certificate {
        Certificate::parse_pem(&std::fs::read_to_string(&self.summary.ca).expect("ca.pem")).expect("a certificate")
    }

    pub(crate) fn served(&self) -> Fetched {
        fetch(&self.summary.served.endpoint, &self.summary.served.server_name)
    }

    /// Ctrl-C; looks at how it ends.
    pub(crate) async fn interrupt(mut self) -> Home {
        let children = self.children();
        let began = Instant::now();
        self.process.signal(Signal::INT);
        let ended = self.process.end("a quickstart that was interrupted", Duration::from_secs(10)).await;
        assert_eq!(ended.code(), Some(0), "{}", self.process.log());
        assert!(began.elapsed() <= Duration::from_secs(5), "{:?}", began.elapsed());
        assert_gone(&children);
        self.home
    }

    /// Its processes, by name. Each lives, and leads a group of its own.
    pub(crate) fn children(&self) -> Vec<(String, Pid)> {
        let children = told(&self.process.log());
        for (name, pid) in &children {
            assert!(is_alive(*pid), "the {name}, process {pid:?}, does not live");
            assert_ne!(pid.as_raw_nonzero().get().unsigned_abs(), self.process.id());
        }
        children
    }

    /// Runs `certctl` with the context that quickstart has written.
    pub(crate) fn certctl(&self, args: &[&str]) -> String {
        let output = Command::new(&self.home.program)
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            .env("CERTCTL_CONFIG", self.home.data().join("cli.toml"))
            .output()
            .expect("certctl runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The administrator of a quickstart, over HTTPS.
pub(crate) struct Admin {
    https: Https,
    key: String,
}

impl Admin {
    pub(crate) fn of(quickstart: &Quickstart) -> Self {
        let port = quickstart.summary.server.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let key = std::fs::read_to_string(quickstart.home.data().join("admin.key")).expect("the administrator's key");
        let https = Https::new(port.expect("a port"), &quickstart.ca().to_pem(), None);
        Self { https, key: key.trim().to_owned() }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: serde_json::Value) {
        let answer = self.https.send(As::Key(&self.key), method, &format!("/api/v1/{path}"), Some(&body)).await;
        answer.ok(path);
    }
}

/// The processes that a quickstart told of, by name.
pub(crate) fn told(log: &str) -> Vec<(String, Pid)> {
    let told = log.lines().find_map(|line| line.trim().strip_prefix("processes ")).expect("its processes");
    let children: Vec<(String, Pid)> = told
        .split(", ")
        .map(|one| {
            let (name, pid) = one.split_once(' ').expect("a name and a number");
            (name.to_owned(), pid.parse().ok().and_then(Pid::from_raw).expect("a process id"))
        })
        .collect();
    assert_eq!(children.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["server", "endpoint", "agent"]);
    children
}

/// Fails if one of these processes lives.
#[track_caller]
pub(crate) fn assert_gone(processes: &[(String, Pid)]) {
    for (name, pid) in processes {
        assert!(!is_alive(*pid), "the {name}, process {pid:?}, was left");
    }
}

/// Whether there is a process of this number that leads its group. `/proc` may be closed to whoever runs the tests.
pub(crate) fn is_alive(pid: Pid) -> bool {
    getpgid(Some(pid)) == Ok(pid)
}

#[expect(clippy::disallowed_methods, reason = "what is served is valid in real time")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_unix_secs(i64::try_from(since.as_secs()).expect("a date"))
}
