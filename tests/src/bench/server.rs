//! A server under measurement, configured as an operator would, with the limits that a load of this size needs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use certctl_client::{Client, Credentials, Options, Query, RetryPolicy, Roots};
use certctl_db::sea_orm::{ConnectionTrait, Database};
use certctl_pki::{KeyKind, PrivateKey};
use certctl_testkit::https::{Authority, Purpose};
use certctl_wire::{EnrollmentTokenCreate, OwnerCreate, ProfileCreate, TeamCreate};
use secrecy::SecretString;

use super::Bench;
use super::process::Running;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// What is set because of the load, and printed with the result.
pub(super) const LIMITS: [(&str, &str); 4] = [
    ("CERTCTL_RATE_LIMIT_RPS", "100000"),
    ("CERTCTL_RATE_LIMIT_BURST", "100000"),
    ("CERTCTL_RATE_LIMIT_PER_USER_RPS", "100000"),
    ("CERTCTL_RATE_LIMIT_PER_USER_BURST", "100000"),
];

/// Which database is behind it.
#[derive(Debug, Clone)]
pub(super) enum Store {
    Sqlite,
    /// A new database on the server with this administrator's URL.
    Postgres(String),
}

impl Store {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// URL of a new database; files go into `directory`.
    pub(super) async fn create(&self, directory: &std::path::Path, name: &str) -> Result<String> {
        match self {
            Self::Sqlite => Ok(format!("sqlite:{}", directory.join(format!("{name}.db")).display())),
            Self::Postgres(server) => {
                let admin = Database::connect(server).await?;
                let name = format!("bench_{name}_{}", std::process::id());
                admin.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name}")).await?;
                admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
                let base = server.rsplit_once('/').context("the URL ends in a database")?.0;
                Ok(format!("{base}/{name}?sslmode=disable"))
            }
        }
    }
}

/// A running server with an administrator, a team, an owner and a profile.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) key: String,
    /// The authority of its listener, PEM.
    pub(super) ca: String,
    pub(super) database: String,
    running: Running,
    log: PathBuf,
}

impl Server {
    pub(super) async fn start(bench: &Bench, store: &Store, directory: &std::path::Path) -> Result<Self> {
        let authority = Authority::new();
        let pair = authority.issue(Purpose::Server, &["localhost"], false);
        let (certificate, key_path) = (directory.join("tls.crt"), directory.join("tls.key"));
        std::fs::write(&certificate, &pair.certificate_pem)?;
        private(&key_path, &pair.key_pem)?;
        let database = store.create(directory, "issue").await?;
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let key = secret()?;
        let mut environment = vec![
            ("CERTCTL_DATA_DIR", directory.join("data").display().to_string()),
            ("CERTCTL_SERVER_HOST", "127.0.0.1".to_owned()),
            ("CERTCTL_SERVER_PORT", port.to_string()),
            ("CERTCTL_SERVER_TLS_CERT_PATH", certificate.display().to_string()),
            ("CERTCTL_SERVER_TLS_KEY_PATH", key_path.display().to_string()),
            ("CERTCTL_DATABASE_URL", database.clone()),
            ("CERTCTL_CONFIG_ENCRYPTION_KEY", secret()?),
            ("CERTCTL_API_KEYS_NAMED", format!("bench:{key}:admin")),
            ("CERTCTL_LOG_LEVEL", "warn".to_owned()),
        ];
        environment.extend(LIMITS.map(|(name, value)| (name, value.to_owned())));
        let log = directory.join("server.log");
        let running = Running::start(&bench.programs.join("certctl-server"), &environment, &log)?;
        let mut server = Self { port, key, ca: authority.pem(), database, running, log };
        server.ready().await?;
        server.prepare().await?;
        Ok(server)
    }

    fn client(&self) -> Result<Client> {
        let options = Options {
            roots: Roots::Bundle(self.ca.clone().into_bytes()),
            retry: RetryPolicy::never(),
            credentials: Credentials::api_key(SecretString::from(self.key.clone())),
            ..Options::new(format!("https://localhost:{}", self.port))
        };
        Ok(Client::new(options)?)
    }

    async fn ready(&mut self) -> Result<()> {
        let client = self.client()?;
        let began = Instant::now();
        while let Err(error) = client.ready().await {
            if let Some(status) = self.running.ended()? {
                bail!("the server ended with {status}: {}", std::fs::read_to_string(&self.log)?);
            }
            if began.elapsed() > READY_WITHIN {
                bail!("the server was not ready within {} s: {error}", READY_WITHIN.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn prepare(&self) -> Result<()> {
        let client = self.client()?;
        let team = TeamCreate { id: Some("t-bench".to_owned()), name: "bench".to_owned(), ..TeamCreate::default() };
        client.team_create(&team).await?;
        let owner = OwnerCreate {
            id: Some("o-bench".to_owned()),
            name: "bench".to_owned(),
            email: "bench@example.org".to_owned(),
            team_id: "t-bench".to_owned(),
        };
        client.owner_create(&owner).await?;
        let profile =
            ProfileCreate { id: Some("prof-bench".to_owned()), name: "bench".to_owned(), ..ProfileCreate::default() };
        client.profile_create(&profile).await?;
        Ok(())
    }

    /// A token by which one agent may enrol.
    pub(super) async fn token(&self) -> Result<String> {
        let ask = EnrollmentTokenCreate { max_uses: Some(1), ..EnrollmentTokenCreate::default() };
        Ok(self.client()?.enrollment_token_create(&ask).await?.token)
    }

    /// Waits until an agent has enrolled.
    pub(super) async fn enrolled(&self) -> Result<()> {
        let client = self.client()?;
        let began = Instant::now();
        while client.agent_list(Query::new().per_page(1)).await?.data.is_empty() {
            ensure!(began.elapsed() < READY_WITHIN, "no agent enrolled within {} s", READY_WITHIN.as_secs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Stops it as an operator does, so that everything it has said is on disk.
    pub(super) fn stop(mut self) -> Result<()> {
        self.running.stop()
    }
}

/// 64 hex digits that nobody can guess.
fn secret() -> Result<String> {
    Ok(PrivateKey::generate(KeyKind::EcdsaP256)?.public_key().spki_sha256_hex())
}

pub(super) fn private(path: &std::path::Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
