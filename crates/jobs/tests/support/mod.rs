//! A migrated database of its own for each test, on either back end. PostgreSQL tests need `CERTCTL_TEST_POSTGRES_URL`; without it they
//! say so and pass.

use std::sync::atomic::{AtomicU32, Ordering};

use certctl_db::migrate::Migrator;
use certctl_db::sea_orm::{ConnectionTrait, Database};
use certctl_db::{Backend, Db, DbConfig, DbUrl};

pub(crate) struct TestDb {
    pub(crate) db: Db,
    _directory: Option<tempfile::TempDir>,
}

impl TestDb {
    pub(crate) async fn open(backend: Backend) -> Option<Self> {
        let this = Self::open_empty(backend).await?;
        Migrator::embedded(backend).up(&this.db, 1, "test").await.expect("migrations apply");
        Some(this)
    }

    pub(crate) async fn open_empty(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let url = DbUrl::sqlite(directory.path().join("certctl.db"));
                let db = Db::connect(&DbConfig::new(url)).await.expect("SQLite opens");
                Some(Self { db, _directory: Some(directory) })
            }
            Backend::Postgres => {
                let Some(server) = postgres_url() else {
                    skipped();
                    return None;
                };
                static NUMBER: AtomicU32 = AtomicU32::new(0);
                let name = format!("db_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
                let admin = Database::connect(&server).await.expect("PostgreSQL answers");
                admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database is created");
                let url = format!("{}/{name}", server.rsplit_once('/').expect("the URL ends in a database").0);
                let mut config = DbConfig::new(url.parse().expect("the URL is well-formed"));
                config.max_connections = 5;
                Some(Self { db: Db::connect(&config).await.expect("PostgreSQL opens"), _directory: None })
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests take their server from the environment")]
fn postgres_url() -> Option<String> {
    std::env::var("CERTCTL_TEST_POSTGRES_URL").ok()
}

#[expect(clippy::print_stderr, reason = "the test's reader must see that it did nothing")]
fn skipped() {
    eprintln!("skipped: CERTCTL_TEST_POSTGRES_URL is not set");
}
