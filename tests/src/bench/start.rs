//! From an empty directory to an answer at `/ready`, and what server and agent hold in memory when nobody asks for anything.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use certctl_client::{Client, Options, RetryPolicy};
use tokio::runtime::Runtime;

use super::process::Running;
use super::server::{Server, Store, private};
use super::{Bench, Better, Figure};

/// Starts that are measured; the slowest of them counts.
const STARTS: usize = 5;
const READY_WITHIN: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(60);

pub(super) fn run(bench: &Bench) -> Result<Vec<Figure>> {
    let runtime = Runtime::new()?;
    let mut slowest = Duration::ZERO;
    for _ in 1..STARTS {
        slowest = slowest.max(Started::new(bench, &runtime)?.took);
    }
    let last = Started::new(bench, &runtime)?;
    slowest = slowest.max(last.took);
    let enrolled = runtime.block_on(Enrolled::new(bench))?;
    std::thread::sleep(IDLE);
    let memory = last.server.resident_mb()?;
    let agent = enrolled.agent.resident_mb()?;
    Ok(vec![
        Figure::new("start.ready.sqlite", slowest.as_secs_f64() * 1000.0, "ms", Better::Lower).target(300.0),
        Figure::new("start.idle_memory.server", memory, "MB", Better::Lower).target(40.0),
        Figure::new("start.idle_memory.agent", agent, "MB", Better::Lower).target(10.0),
    ])
}

/// An agent that has enrolled and has nothing to do.
struct Enrolled {
    // Ends before its server.
    agent: Running,
    _server: Server,
    _directory: tempfile::TempDir,
}

impl Enrolled {
    async fn new(bench: &Bench) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let server = Server::start(bench, &Store::Sqlite, directory.path()).await?;
        let (ca, token) = (directory.path().join("ca.pem"), directory.path().join("token"));
        std::fs::write(&ca, &server.ca)?;
        private(&token, &server.token().await?)?;
        let environment = [
            ("CERTCTL_SERVER_URL", format!("https://localhost:{}", server.port)),
            ("CERTCTL_SERVER_CA_BUNDLE_PATH", ca.display().to_string()),
            ("CERTCTL_AGENT_BOOTSTRAP_TOKEN_FILE", token.display().to_string()),
            ("CERTCTL_AGENT_STATE_DIR", directory.path().join("agent").display().to_string()),
            ("CERTCTL_AGENT_NAME", "bench".to_owned()),
        ];
        let log = directory.path().join("agent.log");
        let agent = Running::start(&bench.programs.join("certctl-agent"), &environment, &log)?;
        server.enrolled().await?;
        Ok(Self { agent, _server: server, _directory: directory })
    }
}

struct Started {
    server: Running,
    took: Duration,
    _directory: tempfile::TempDir,
}

impl Started {
    fn new(bench: &Bench, runtime: &Runtime) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let data = directory.path().join("data");
        let environment = [
            ("CERTCTL_DATA_DIR", data.display().to_string()),
            ("CERTCTL_SERVER_PORT", port.to_string()),
            ("CERTCTL_SERVER_HOST", "127.0.0.1".to_owned()),
        ];
        let log = directory.path().join("log");
        let began = Instant::now();
        let mut server = Running::start(&bench.programs.join("certctl-server"), &environment, &log)?;
        // Its certificate is made while it starts; whether it is the right one is not what is measured here.
        let client = Client::new(Options {
            insecure: true,
            retry: RetryPolicy::never(),
            ..Options::new(format!("https://127.0.0.1:{port}"))
        })?;
        while runtime.block_on(client.ready()).is_err() {
            if let Some(status) = server.ended()? {
                bail!("the server ended with {status}: {}", std::fs::read_to_string(&log)?);
            }
            if began.elapsed() > READY_WITHIN {
                bail!("the server was not ready within {} s", READY_WITHIN.as_secs());
            }
        }
        Ok(Self { server, took: began.elapsed(), _directory: directory })
    }
}
