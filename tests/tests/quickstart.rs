//! The product's promise, from outside: one command, and a certificate is issued, deployed, served and renewed.

#[path = "support/openssl.rs"]
mod openssl;
#[path = "support/process.rs"]
mod process;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use certctl_pki::cert::ExtendedKeyUsage;
use certctl_pki::chain::{ChainError, validate};
use certctl_pki::{Certificate, Timestamp};
use certctl_testkit::https::{Authority, Purpose};
use certctl_testkit::wait;
use certctl_wire::QuickstartSummary;
use rustix::process::Signal;

use openssl::{Fetched, fetch, verify};
use process::{Process, shipped};

const SERVED_WITHIN: Duration = Duration::from_secs(120);
/// Ruled; a certificate of ten minutes is renewed in the middle of its life.
const RENEWED_WITHIN: Duration = Duration::from_secs(8 * 60);

/// A quickstart that holds after its summary.
struct Quickstart {
    process: Process,
    summary: QuickstartSummary,
    directory: tempfile::TempDir,
}

impl Quickstart {
    /// `None` (noted as skipped) without the program.
    async fn start() -> Option<Self> {
        let program = shipped("certctl")?;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().join("data").display().to_string();
        let args = ["quickstart", "--once", "--hold", "900", "--port", "0", "--data-dir", &data];
        let home = ("HOME".to_owned(), directory.path().display().to_string());
        let mut process = Process::start(&program, &args, &[home], &directory.path().join("quickstart.log"));
        let summary = wait::until("the summary of a quickstart", SERVED_WITHIN, async || {
            let text = process.output();
            if !text.ends_with('\n') {
                assert!(process.ended().is_none(), "quickstart ended:\n{}\n{text}", process.log());
                return None;
            }
            Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{}", process.log())))
        })
        .await;
        Some(Self { process, summary, directory })
    }

    fn ca(&self) -> Certificate {
        Certificate::parse_pem(&std::fs::read_to_string(&self.summary.ca).expect("ca.pem")).expect("a certificate")
    }

    fn served(&self) -> Fetched {
        fetch(&self.summary.served.endpoint, &self.summary.served.server_name)
    }

    /// Ctrl-C; looks at how it ends.
    async fn interrupt(mut self) {
        let children = children(self.process.id());
        assert!(children.len() >= 3, "{children:?}");
        let began = Instant::now();
        self.process.signal(Signal::INT);
        let ended = self.process.end("a quickstart that was interrupted", Duration::from_secs(10)).await;
        assert_eq!(ended.code(), Some(0), "{}", self.process.log());
        assert!(began.elapsed() <= Duration::from_secs(5), "{:?}", began.elapsed());
        for (id, command) in children {
            assert!(!is_alive(id, &command), "process {id} ({command}) was left");
        }
    }
}

#[tokio::test]
async fn a_certificate_is_issued_served_and_renewed() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let summary = &quickstart.summary;
    assert!(summary.ok);
    let first = quickstart.served();
    let leaf = first.leaf();
    assert_eq!(leaf.fingerprint_sha256(), summary.served.fingerprint_sha256);
    assert_eq!(leaf.serial().to_hex(), summary.serial);
    assert_eq!(summary.served.server_name, "quickstart.localhost");
    let children = children(quickstart.process.id());
    assert!(children.len() >= 3, "server, agent and endpoint are processes of their own: {children:?}");
    verify(quickstart.directory.path(), &quickstart.ca(), &first.chain).expect("the chain is good");

    let second = wait::until("a second serial is served", RENEWED_WITHIN, async || {
        let now = quickstart.served();
        (now.leaf().serial() != leaf.serial()).then_some(now)
    })
    .await;
    verify(quickstart.directory.path(), &quickstart.ca(), &second.chain).expect("the renewed chain is good");
    assert!(second.leaf().not_after() > leaf.not_after());
    quickstart.interrupt().await;
}

#[tokio::test]
async fn the_printed_commands_run_as_printed_and_ctrl_c_ends_everything() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let log = quickstart.process.log();
    let commands: Vec<&str> = log.lines().map(str::trim).filter(|line| line.starts_with("CERTCTL_CONFIG=")).collect();
    assert_eq!(commands.len(), 3, "{log}");
    for command in commands {
        let shell = Command::new("/bin/sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", quickstart.directory.path())
            .current_dir("/")
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&shell.stderr).into_owned();
        assert!(shell.status.success(), "{command}: {}: {said}", shell.status);
        let shown = String::from_utf8_lossy(&shell.stdout).into_owned();
        assert!(shown.contains("quickstart"), "{command}: {shown}");
    }
    quickstart.interrupt().await;
}

#[tokio::test]
async fn a_tampered_an_expired_and_a_foreign_leaf_are_refused_by_openssl_and_by_us() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let (ca, served) = (quickstart.ca(), quickstart.served());
    let directory = quickstart.directory.path();
    let now = now();
    let check = |leaf: &Certificate, at: Timestamp| {
        validate(leaf, &served.chain[1..], std::slice::from_ref(&ca), at, ExtendedKeyUsage::ServerAuth)
    };
    check(served.leaf(), now).expect("the real one is good");

    let mut der = served.leaf().der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let tampered = Certificate::parse_der(&der).expect("its form is right");
    check(&tampered, now).expect_err("tampered");
    let chain: Vec<Certificate> = std::iter::once(&tampered).chain(&served.chain[1..]).cloned().collect();
    verify(directory, &ca, &chain).expect_err("tampered");

    let later = served.leaf().not_after() + Duration::from_secs(1);
    assert!(matches!(check(served.leaf(), later), Err(ChainError::Expired { .. })));
    openssl::verify_at(directory, &ca, &served.chain, later).expect_err("expired");

    let foreign = Authority::new();
    let pair = foreign.issue(Purpose::Server, &["quickstart.localhost"], false);
    let leaf = Certificate::parse_pem(&pair.certificate_pem).expect("a certificate");
    check(&leaf, now).expect_err("foreign");
    let chain: Vec<Certificate> = std::iter::once(&leaf).chain(&served.chain[1..]).cloned().collect();
    verify(directory, &ca, &chain).expect_err("foreign");
    quickstart.interrupt().await;
}

/// Processes whose parent is this one, each with its command line.
fn children(parent: u32) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("Linux").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
        let of = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim);
        if of == Some(parent.to_string().as_str()) {
            found.push((id, command(&entry.path())));
        }
    }
    found
}

/// A number may meanwhile be that of another process.
fn is_alive(id: u32, was: &str) -> bool {
    command(Path::new(&format!("/proc/{id}"))) == was
}

fn command(process: &Path) -> String {
    std::fs::read(process.join("cmdline"))
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "what is served is valid in real time")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_unix_secs(i64::try_from(since.as_secs()).expect("a date"))
}
