//! A private PostgreSQL: its own directory, a free loopback port, no password, gone with the run.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::Workspace;
use crate::process::Group;

const START_WITHIN: Duration = Duration::from_secs(60);
/// The oldest version that the product supports.
const OLDEST: u32 = 15;
/// Where distributions keep the programs of each version, off PATH.
const VERSIONED: &str = "/usr/lib/postgresql";

/// The directory of PostgreSQL's programs: the newest of the versioned ones, or that on PATH.
pub(crate) fn find() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(VERSIONED)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, bin)| *version >= OLDEST && bin.join("initdb").is_file())
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, bin)| bin);
    newest.or_else(|| on_path().filter(|bin| major(bin).is_some_and(|version| version >= OLDEST)))
}

fn on_path() -> Option<PathBuf> {
    super::find_program("initdb").and_then(|program| program.parent().map(Path::to_path_buf))
}

/// `postgres (PostgreSQL) 15.13` is 15.
fn major(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

/// What a server of ours does about a loss of power.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// As PostgreSQL comes: what is committed is on the disk. Measurements are of that.
    Waited,
    /// Commits wait for no disk. No test cuts the power, and whatever else dies loses nothing by this.
    Later,
}

/// A running server.
pub(crate) struct Postgres {
    group: Group,
    port: u16,
}

impl Postgres {
    pub(crate) fn start(tools: &Path, space: &Workspace, disk: Disk) -> Result<Self> {
        let data = space.path().join("postgres");
        let log = space.path().join("postgres.log");
        let init = space
            .unprivileged(&tools.join("initdb"))
            .current_dir(space.path())
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .context("starting initdb")?;
        if !init.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&init.stderr));
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let output = std::fs::File::create(&log)?;
        let sockets = format!("unix_socket_directories={}", space.path().display());
        let port_text = port.to_string();
        let mut settings = vec!["listen_addresses=127.0.0.1", "max_connections=300", "shared_buffers=128MB", &sockets];
        if disk == Disk::Later {
            settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"]);
        }
        let mut command = space.unprivileged(&tools.join("postgres"));
        command.current_dir(space.path()).arg("-D").arg(&data).args(["-p", &port_text]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut server = Self { group: Group::spawn(&mut command)?, port };
        server.wait_ready(&log)?;
        Ok(server)
    }

    /// It listens before it answers; only its log says when it does.
    fn wait_ready(&mut self, log: &Path) -> Result<()> {
        let began = Instant::now();
        loop {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            if said.contains("database system is ready to accept connections") {
                return Ok(());
            }
            if let Some(status) = self.group.child().try_wait()? {
                bail!("postgres ended with {status}: {said}");
            }
            if began.elapsed() > START_WITHIN {
                bail!("postgres was not ready within {} s: {said}", START_WITHIN.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The administrator's URL.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown; its children are in sessions of their own and only it can end them.
        self.group.end(Signal::INT);
    }
}
