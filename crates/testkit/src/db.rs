//! A migrated database of its own for each test, on either back end.

use std::sync::atomic::{AtomicU32, Ordering};

use certctl_db::migrate::Migrator;
use certctl_db::sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use certctl_db::{Backend, Db, DbConfig, DbUrl};

/// A database that goes with the test.
pub struct TestDb {
    /// The connected database.
    pub db: Db,
    /// How to connect again, as a second process would.
    pub config: DbConfig,
    _directory: Option<tempfile::TempDir>,
}

impl TestDb {
    /// A migrated database, or `None` (noted as skipped) without a PostgreSQL to put it on.
    ///
    /// # Panics
    /// When a server that is there does not do its part.
    pub async fn open(backend: Backend) -> Option<Self> {
        let this = Self::open_empty(backend).await?;
        Migrator::embedded(backend).up(&this.db, 1, "test").await.expect("migrations apply");
        Some(this)
    }

    /// As [`TestDb::open`], without any table.
    ///
    /// # Panics
    /// When a server that is there does not do its part.
    pub async fn open_empty(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => Some(Self::sqlite().await),
            Backend::Postgres => Self::postgres().await,
        }
    }

    /// Another connection to the same database, as another replica has.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn again(&self) -> Db {
        Db::connect(&self.config).await.expect("the database opens again")
    }

    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = DbConfig::new(DbUrl::sqlite(directory.path().join("certctl.db")));
        let db = Db::connect(&config).await.expect("SQLite opens");
        Self { db, config, _directory: Some(directory) }
    }

    async fn postgres() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(server) = postgres_url() else {
            crate::skip::note("no PostgreSQL on this machine", "postgresql");
            return None;
        };
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = Database::connect(&server).await.expect("PostgreSQL answers");
        let version = admin
            .query_one_raw(Statement::from_string(DbBackend::Postgres, "SELECT version()"))
            .await
            .expect("PostgreSQL answers");
        let version: String = version.expect("one row").try_get_by_index(0).expect("a text");
        assert!(version.starts_with("PostgreSQL "), "{version}");
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database is created");
        let url = format!("{}/{name}", server.rsplit_once('/').expect("the URL ends in a database").0);
        let mut config = DbConfig::new(url.parse().expect("the URL is well-formed"));
        config.max_connections = 5;
        let db = Db::connect(&config).await.expect("PostgreSQL opens");
        Some(Self { db, config, _directory: None })
    }
}

/// The administrator's URL of the PostgreSQL that tests may use.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests take their server from the environment")]
pub fn postgres_url() -> Option<String> {
    std::env::var("CERTCTL_TEST_POSTGRES_URL").ok()
}
