//! A migrated database of its own for each test, on either back end.

use std::sync::atomic::{AtomicU32, Ordering};

use certctl_db::migrate::Migrator;
use certctl_db::sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, StatementBuilder};
use certctl_db::{Backend, Db, DbConfig, DbUrl};
use tokio::sync::OnceCell;

/// A database that goes with the test.
pub struct TestDb {
    /// The connected database.
    pub db: Db,
    /// How to connect again, as a second process would.
    pub config: DbConfig,
    _place: Place,
}

impl TestDb {
    /// A migrated database, or `None` (noted as skipped) without a PostgreSQL to put it on.
    ///
    /// # Panics
    /// When a server that is there does not do its part.
    pub async fn open(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => {
                let this = Self::sqlite().await;
                migrate(&this.db).await;
                Some(this)
            }
            Backend::Postgres => Self::postgres(Some(MigratedOnce)).await,
        }
    }

    /// As [`TestDb::open`], without any table.
    ///
    /// # Panics
    /// When a server that is there does not do its part.
    pub async fn open_empty(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => Some(Self::sqlite().await),
            Backend::Postgres => Self::postgres(None).await,
        }
    }

    /// How the database goes about a question, whatever the values in it, and however few rows there are.
    ///
    /// # Panics
    /// When it does not tell.
    pub async fn plan(&self, question: &impl StatementBuilder) -> String {
        let txn = self.db.begin().await.expect("a transaction");
        let connection = txn.connection();
        let asked = connection.get_database_backend().build(question);
        let explain = match self.db.backend() {
            Backend::Sqlite => Statement { sql: format!("EXPLAIN QUERY PLAN {}", asked.sql), ..asked },
            Backend::Postgres => {
                let values = vec!["NULL"; asked.values.map_or(0, |values| values.0.len())].join(", ");
                let prepare = format!(
                    "SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan; \
                     PREPARE asked AS {}",
                    asked.sql
                );
                connection.execute_unprepared(&prepare).await.expect("prepared");
                let execute = if values.is_empty() { "asked".to_owned() } else { format!("asked ({values})") };
                Statement::from_string(DbBackend::Postgres, format!("EXPLAIN EXECUTE {execute}"))
            }
        };
        let column = if self.db.backend() == Backend::Sqlite { "detail" } else { "QUERY PLAN" };
        let steps = connection.query_all_raw(explain).await.expect("explained");
        if self.db.backend() == Backend::Postgres {
            // It outlives the transaction.
            connection.execute_unprepared("DEALLOCATE asked").await.expect("forgotten");
        }
        steps.iter().map(|step| step.try_get::<String>("", column).expect("a step") + "\n").collect()
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
        Self { db, config, _place: Place::Directory(directory) }
    }

    async fn postgres(like: Option<MigratedOnce>) -> Option<Self> {
        let Some(server) = Server::of_environment() else {
            crate::skip::note("no PostgreSQL on this machine", "postgresql");
            return None;
        };
        let template = match like {
            Some(once) => Some(once.template(&server).await),
            None => None,
        };
        let name = server.create(template).await;
        let config = server.config(&name);
        let db = Db::connect(&config).await.expect("PostgreSQL opens");
        Some(Self { db, config, _place: Place::Server(server, name) })
    }
}

async fn migrate(db: &Db) {
    Migrator::embedded(db.backend()).up(db, 1, "test").await.expect("migrations apply");
}

/// Where the database is, and how it goes.
enum Place {
    Directory(#[expect(dead_code, reason = "removes itself when dropped")] tempfile::TempDir),
    Server(Server, String),
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Server(server, name) = self else { return };
        let (server, name) = (server.clone(), std::mem::take(name));
        // The test's own runtime may be ending; one that only drops is sure to be there.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let admin = server.connect().await;
                admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.map(drop)
            })
        });
        // A database that stays behind harms no other test, and the test may be failing for its own reason.
        let _ = dropping.join();
    }
}

/// That databases are copied from one that this process migrated, which is quicker than migrating each.
struct MigratedOnce;

impl MigratedOnce {
    async fn template(&self, server: &Server) -> &'static str {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let name = TEMPLATE.get_or_init(|| async {
            let name = server.create(None).await;
            let db = Db::connect(&server.config(&name)).await.expect("PostgreSQL opens");
            migrate(&db).await;
            drop(db);
            // Only a database that nobody is connected to can be copied.
            let admin = server.connect().await;
            for statement in [
                format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
                format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"),
            ] {
                admin.execute_unprepared(&statement).await.expect("the template is closed");
            }
            name
        });
        name.await
    }
}

/// A PostgreSQL that tests may fill.
#[derive(Clone)]
struct Server(String);

impl Server {
    fn of_environment() -> Option<Self> {
        postgres_url().map(Self)
    }

    async fn connect(&self) -> DatabaseConnection {
        Database::connect(&self.0).await.expect("PostgreSQL answers")
    }

    /// A new database, empty or like another; its name.
    async fn create(&self, like: Option<&str>) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let admin = self.connect().await;
        let version = admin
            .query_one_raw(Statement::from_string(DbBackend::Postgres, "SELECT version()"))
            .await
            .expect("PostgreSQL answers");
        let version: String = version.expect("one row").try_get_by_index(0).expect("a text");
        assert!(version.starts_with("PostgreSQL "), "{version}");
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let template = like.map_or_else(String::new, |like| format!(" TEMPLATE {like}"));
        admin.execute_unprepared(&format!("CREATE DATABASE {name}{template}")).await.expect("a database is created");
        name
    }

    fn config(&self, name: &str) -> DbConfig {
        let url = format!("{}/{name}", self.0.rsplit_once('/').expect("the URL ends in a database").0);
        let mut config = DbConfig::new(url.parse().expect("the URL is well-formed"));
        config.max_connections = 5;
        config
    }
}

/// The administrator's URL of the PostgreSQL that tests may use.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests take their server from the environment")]
pub fn postgres_url() -> Option<String> {
    std::env::var("CERTCTL_TEST_POSTGRES_URL").ok()
}
