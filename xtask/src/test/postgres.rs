//! A private PostgreSQL: its own directory, a free loopback port, no password, gone with the run.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

use super::Workspace;

const START_WITHIN: Duration = Duration::from_secs(60);

/// The directory of PostgreSQL's programs: on PATH, or the newest of the versioned ones.
pub(crate) fn find() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, bin)| bin);
    newest.or_else(|| super::find_program("initdb", &[]).and_then(|program| program.parent().map(Path::to_path_buf)))
}

/// A running server.
pub(crate) struct Postgres {
    child: Child,
    port: u16,
}

impl Postgres {
    pub(crate) fn start(tools: &Path, space: &Workspace) -> Result<Self> {
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
        space.give(&log)?;
        let mut child = space
            .unprivileged(&tools.join("postgres"))
            .current_dir(space.path())
            .arg("-D")
            .arg(&data)
            .args([
                "-p",
                &port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "max_connections=400",
                "-c",
                "shared_buffers=256MB",
            ])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", space.path().display()))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("starting postgres")?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("postgres ended with {status}: {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            if began.elapsed() > START_WITHIN {
                bail!("postgres did not listen within {} s", START_WITHIN.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { child, port })
    }

    /// The administrator's URL.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, Signal::INT);
        }
        let _ = self.child.wait();
    }
}
