//! A server as an operator starts it: a process of its own, a directory of its own, a real TLS listener.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use certctl_db::{Backend, DbUrl};
use certctl_pki::{Csr, KeyKind, PrivateKey, San};
use certctl_testkit::db::TestDb;
use certctl_testkit::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::database::Database;
use super::https::{As, Https};
use super::process::{Process, shipped};

/// Longest wait for what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(60);
/// Both databases have it, so that a test may come in the same way.
const BOOTSTRAP_TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// An issuer outside, whose orders lie in a directory.
pub(crate) const OUTSIDE: &str = "iss-slow";

/// What a server is started with.
pub(crate) struct Setup {
    program: PathBuf,
    directory: tempfile::TempDir,
    port: u16,
    env: BTreeMap<String, String>,
    postgres: Option<TestDb>,
    postgres_url: Option<String>,
}

/// A running server with an administrator.
pub(crate) struct TestServer {
    pub(crate) setup: Setup,
    pub(crate) https: Https,
    pub(crate) database: Database,
    /// Key of the administrator.
    pub(crate) admin: String,
    process: Process,
}

impl Setup {
    /// `None` (noted as skipped) without the program, or without a PostgreSQL.
    pub(crate) async fn new(backend: Backend) -> Option<Self> {
        Self::of(shipped("certctl-server")?, backend).await
    }

    /// As [`Setup::new`], of another build of the program.
    pub(crate) async fn of(program: PathBuf, backend: Backend) -> Option<Self> {
        let postgres = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(TestDb::open_empty(backend).await?),
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let mut env = BTreeMap::from(
            [
                ("CERTCTL_SERVER_HOST", "127.0.0.1".to_owned()),
                ("CERTCTL_SERVER_PORT", port.to_string()),
                ("CERTCTL_DATA_DIR", directory.path().join("data").display().to_string()),
                ("CERTCTL_LOG_FORMAT", "text".to_owned()),
                ("CERTCTL_BOOTSTRAP_TOKEN", BOOTSTRAP_TOKEN.to_owned()),
                ("CERTCTL_SHUTDOWN_DRAIN_SECONDS", "0".to_owned()),
                ("CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS", "5".to_owned()),
                ("CERTCTL_RATE_LIMIT_ENABLED", "false".to_owned()),
                ("CERTCTL_DATABASE_CONNECT_TIMEOUT", "5s".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let mut postgres_url = None;
        if let Some(database) = &postgres {
            let DbUrl::Postgres(url) = &database.config.url else { unreachable!("a PostgreSQL was asked for") };
            let tls = directory.path().join("tls");
            let url = secrecy::ExposeSecret::expose_secret(url).to_owned();
            postgres_url = Some(url.clone());
            for (name, value) in [
                ("CERTCTL_DATABASE_URL", url),
                ("CERTCTL_DATABASE_MAX_CONNS", "5".to_owned()),
                ("CERTCTL_CONFIG_ENCRYPTION_KEY", "test-only-test-only-test-only-test".to_owned()),
                ("CERTCTL_SERVER_TLS_CERT_PATH", tls.join("tls.crt").display().to_string()),
                ("CERTCTL_SERVER_TLS_KEY_PATH", tls.join("tls.key").display().to_string()),
            ] {
                env.insert(name.to_owned(), value);
            }
        }
        Some(Self { program, directory, port, env, postgres, postgres_url })
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The same as `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The straight way to its PostgreSQL.
    pub(crate) fn postgres_url(&self) -> &str {
        self.postgres_url.as_deref().expect("it has a PostgreSQL")
    }

    /// Where its PostgreSQL listens, `host:port`.
    pub(crate) fn postgres_address(&self) -> &str {
        address_in(self.postgres_url())
    }

    /// Has the server reach its PostgreSQL by way of another port here; the test itself still goes straight to it.
    pub(crate) fn through(self, port: u16) -> Self {
        let url = self.postgres_url().replacen(self.postgres_address(), &format!("127.0.0.1:{port}"), 1);
        self.env("CERTCTL_DATABASE_URL", url)
    }

    /// The database, from beside the server.
    pub(crate) async fn database(&self) -> Database {
        match &self.postgres_url {
            None => Database::sqlite(&self.path().join("data/certctl.db")).await,
            Some(url) => Database::postgres(url).await,
        }
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Starts the program with `args`, whatever becomes of it; its log is `name`.
    pub(crate) fn run(&self, args: &[&str], name: &str, more: &[(&str, &str)]) -> Process {
        let mut env = self.env.clone();
        env.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let env: Vec<_> = env.into_iter().collect();
        Process::start(&self.program, args, &env, &self.path().join(name))
    }

    /// Starts the server with some more variables, and waits until it is ready.
    pub(crate) async fn serve(&self, more: &[(&str, &str)]) -> Process {
        if self.postgres.is_some() && !self.tls("tls.crt").exists() {
            let mut issue = self.run(&["tls-init"], "tls-init.log", &[]);
            let ended = issue.end("a certificate for the listener", READY).await;
            assert!(ended.success(), "{ended}: {}", issue.log());
        }
        let mut process = self.run(&[], "server.log", more);
        wait::until("the server is ready", READY, async || {
            if let Some(ended) = process.ended() {
                panic!("the server ended with {ended}:\n{}", process.log());
            }
            let https = self.https()?;
            let answer = https.try_send(As::Stranger, "GET", "/ready", &[], None).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        process
    }

    /// Another server on the same database, at a port of its own.
    pub(crate) async fn second(&self) -> Process {
        let port = free_port();
        let mut process = self.run(&[], "second.log", &[("CERTCTL_SERVER_PORT", &port.to_string())]);
        wait::until("the second server is ready", READY, async || {
            if let Some(ended) = process.ended() {
                panic!("the second server ended with {ended}:\n{}", process.log());
            }
            let https = Https::new(port, &self.ca()?, None);
            let answer = https.try_send(As::Stranger, "GET", "/ready", &[], None).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        process
    }

    /// A client of the server, once it has a certificate.
    fn https(&self) -> Option<Https> {
        Some(Https::new(self.port, &self.ca()?, None))
    }

    /// The anchor of its certificate.
    pub(crate) fn ca(&self) -> Option<String> {
        std::fs::read_to_string(self.tls("ca.pem")).ok()
    }

    fn tls(&self, name: &str) -> PathBuf {
        let directory = if self.postgres.is_some() { "tls" } else { "data/tls" };
        self.path().join(directory).join(name)
    }

    /// Starts the server and mints an administrator through the bootstrap door.
    pub(crate) async fn start(self) -> TestServer {
        let process = self.serve(&[]).await;
        let https = self.https().expect("a server that is ready has a certificate");
        let ask = json!({ "token": BOOTSTRAP_TOKEN, "actor_name": "alice" });
        let minted = https.send(As::Stranger, "POST", "/api/v1/auth/bootstrap", Some(&ask)).await.ok("bootstrap");
        let admin = minted["key_value"].as_str().expect("a key").to_owned();
        let database = self.database().await;
        let server = TestServer { setup: self, https, database, admin, process };
        server.furnish().await;
        server
    }
}

impl TestServer {
    /// A server with its defaults.
    pub(crate) async fn start(backend: Backend) -> Option<Self> {
        Some(Box::pin(Setup::new(backend).await?.start()).await)
    }

    /// Team, owner, profile (P-256, RSA 2048, a day, no wildcards) and policy, all named `web`.
    async fn furnish(&self) {
        let web = |more: Value| {
            let mut body = json!({ "id": "web", "name": "web" });
            body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            body
        };
        self.made("teams", &web(json!({}))).await;
        self.made("owners", &web(json!({ "email": "web@example.org", "team_id": "web" }))).await;
        self.made("profiles", &web(json!({ "max_ttl_seconds": 86_400, "allow_wildcards": false }))).await;
        self.made("renewal-policies", &web(json!({ "retry_interval_seconds": 60 }))).await;
    }

    /// Makes [`OUTSIDE`] of the test server, and has the server use it once, so that its directory is there.
    pub(crate) async fn outside(&self, polls: u32) -> PathBuf {
        let orders = self.setup.path().join("orders");
        let config = json!({ "directory": orders, "polls": polls });
        self.made("issuers", &json!({ "id": OUTSIDE, "name": "slow", "type": "Slow", "config": config })).await;
        self.admin("POST", &format!("issuers/{OUTSIDE}/test"), None).await.ok("the issuer is there");
        orders
    }

    /// What a `POST` by the administrator made.
    pub(crate) async fn made(&self, path: &str, body: &Value) -> Value {
        self.admin("POST", path, Some(body)).await.ok(path)
    }

    /// What the administrator reads.
    pub(crate) async fn read(&self, path: &str) -> Value {
        self.admin("GET", path, None).await.ok(path)
    }

    /// A call below `/api/v1/` by the administrator.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> super::https::Answer {
        self.https.send(As::Key(&self.admin), method, &format!("/api/v1/{path}"), body).await
    }

    /// A client that presents a certificate.
    pub(crate) fn with_identity(&self, chain_pem: &str, key_pem: &str) -> Https {
        Https::new(self.setup.port, &self.setup.ca().expect("an anchor"), Some((chain_pem, key_pem)))
    }

    /// A client with connections of its own.
    pub(crate) fn another(&self) -> Https {
        self.setup.https().expect("a server that is ready has a certificate")
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        self.process.log() + &self.process.output()
    }

    /// The running process.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends the process as a power cut would, and starts it again with these variables.
    pub(crate) async fn restart(&mut self, more: &[(&str, &str)]) {
        if self.process.ended().is_none() {
            self.process.signal(Signal::KILL);
            self.process.end("a killed server", Duration::from_secs(10)).await;
        }
        self.process = self.setup.serve(more).await;
        // Its connections are over.
        self.https = self.setup.https().expect("a certificate");
    }
}

/// A request for `name`, with a key of its own.
pub(crate) fn csr(name: &str) -> String {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    let sans = [San::parse(name).expect("a name")];
    Csr::build(&key, Some(name), &sans).expect("a request").to_pem()
}

/// The body of a certificate named like its only name.
pub(crate) fn certificate(name: &str) -> Value {
    json!({
        "name": name,
        "common_name": name,
        "sans": [name],
        "environment": "test",
        "owner_id": "web",
        "team_id": "web",
        "issuer_id": "iss-local",
        "renewal_policy_id": "web",
        "certificate_profile_id": "web",
    })
}

/// The same with a request.
pub(crate) fn certificate_with_csr(name: &str) -> Value {
    let mut body = certificate(name);
    body["csr_pem"] = csr(name).into();
    body
}

/// `host:port` of a URL that ends in a database.
fn address_in(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('/').map_or(rest, |(address, _)| address);
    rest.rsplit_once('@').map_or(rest, |(_, address)| address)
}

/// A free port that no outgoing connection gets: a server keeps its port over restarts.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test programs that run beside each other begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    loop {
        let place = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = u16::try_from(10_000 + place).expect("below 32,768");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
