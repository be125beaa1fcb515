//! ① The server, and the certificate of its listener.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use certctl_client::{Client, Credentials, Options, RetryPolicy, Roots};

use crate::child::Role;
use crate::context::server_url;
use crate::failure::Failure;
use crate::process::Start;
use crate::run::Run;
use crate::say;

/// Starts it and waits until it is ready.
pub(super) async fn start(run: &Run) -> Result<Client, Failure> {
    let since = Instant::now();
    let certificate = run.layout.server().join("tls/tls.crt");
    let before = std::fs::read(&certificate).ok();
    let settings: Vec<(&'static str, OsString)> = vec![
        ("CERTCTL_DATA_DIR", run.layout.server().into()),
        ("CERTCTL_SERVER_HOST", "127.0.0.1".into()),
        ("CERTCTL_SERVER_PORT", run.ports.server.to_string().into()),
        ("CERTCTL_LOG_FORMAT", "text".into()),
        // Nobody balances load here, and a Ctrl-C must be over soon.
        ("CERTCTL_SHUTDOWN_DRAIN_SECONDS", "0".into()),
        ("CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS", "2".into()),
        // The certificate lives ten minutes.
        ("CERTCTL_SCHEDULER_RENEWAL_CHECK_INTERVAL", "1m".into()),
    ];
    let start = Start {
        name: "server",
        program: run.executable.clone(),
        args: Role::Server.args(),
        settings,
        log: run.layout.logs().join("server.log"),
    };
    run.processes.start(start).map_err(|error| Failure::new("ready", "start", format!("the server: {error}")))?;
    let client = super::wait(PATIENCE, async || Ok(ready(run).await), late).await?;
    let after = std::fs::read(&certificate).ok();
    if before.is_some() && before != after {
        say("  the listener's certificate was past its time; the local CA has issued it again");
    }
    run.done('①', "server ready, listener certificate from its local CA", since, |ms, took| ms.ready = Some(took));
    Ok(client)
}

/// A client, once the server answers that it is ready under the CA that it names.
async fn ready(run: &Run) -> Option<Client> {
    let ca = std::fs::read(run.layout.server().join("tls/ca.pem")).ok()?;
    let client = client(run, ca.clone(), Credentials::default()).ok()?;
    client.ready().await.ok()?;
    publish(run, &ca).ok()?;
    Some(client)
}

/// `ca.pem` is for everybody.
fn publish(run: &Run, ca: &[u8]) -> std::io::Result<()> {
    let path = run.layout.ca();
    if std::fs::read(&path).ok().as_deref() != Some(ca) {
        crate::layout::write_private(&path, &String::from_utf8_lossy(ca))?;
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// A client that trusts `ca` alone.
pub(super) fn client(run: &Run, ca: Vec<u8>, credentials: Credentials) -> Result<Client, certctl_client::Error> {
    let mut options = Options::new(server_url(run.ports));
    options.roots = Roots::Bundle(ca);
    options.credentials = credentials;
    options.timeout = Duration::from_secs(15);
    options.retry = RetryPolicy::never();
    Client::new(options)
}

fn late() -> Failure {
    Failure::new("ready", "not_ready", "the server did not become ready in time").hint("see logs/server.log")
}

const PATIENCE: Duration = Duration::from_secs(30);
