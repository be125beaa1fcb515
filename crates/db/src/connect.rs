//! Opening the database: the pools, what is set on each connection, and the handle that everything else holds.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, PgPool, SqlitePool};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::committer::{self, Waiting};
use crate::config::SQLITE_READERS_MAX;
use crate::notify::Notifier;
use crate::{DbConfig, DbError, DbUrl, Unit, migrate};

/// A connected database. Cheap to clone; the connections close with [`Db::close`] or the last clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One file, one writing process.
    Sqlite,
    /// A server, any number of replicas.
    Postgres,
}

struct Inner {
    backend: Backend,
    url: DbUrl,
    read: DatabaseConnection,
    write: DatabaseConnection,
    queue: std::sync::Mutex<Option<mpsc::Sender<Waiting>>>,
    committers: Mutex<Vec<JoinHandle<()>>>,
    notifier: Notifier,
    stop: CancellationToken,
}

/// The pool of the committers.
#[derive(Clone)]
pub(crate) enum Writer {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Db {
    /// Opens the database and starts its committers. Tries once: a caller that wants to wait for a server repeats while the error's
    /// class is [`Class::Retryable`](crate::Class::Retryable). Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`DbError::Connect`] with its cause.
    pub async fn connect(config: &DbConfig) -> Result<Self, DbError> {
        let stop = CancellationToken::new();
        let (backend, read, write, writer, notifier) = match &config.url {
            DbUrl::Sqlite(path) => {
                let (read, write) = open_sqlite(config, path).await.map_err(|e| DbError::connect(&config.url, e))?;
                let writer = Writer::Sqlite(write.clone());
                let read = SqlxSqliteConnector::from_sqlx_sqlite_pool(read);
                let write = SqlxSqliteConnector::from_sqlx_sqlite_pool(write);
                (Backend::Sqlite, read, write, writer, Notifier::in_process())
            }
            DbUrl::Postgres(url) => {
                let (pool, committing) = open_postgres(config, url.expose_secret())
                    .await
                    .map_err(|error| DbError::connect(&config.url, error))?;
                let notifier = Notifier::between_replicas(pool.clone(), stop.clone());
                let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
                (Backend::Postgres, connection.clone(), connection, Writer::Postgres(committing), notifier)
            }
        };
        let (sender, receiver) = mpsc::channel(QUEUE_LEN);
        let queue = Arc::new(Mutex::new(receiver));
        let committers = match backend {
            Backend::Sqlite => 1,
            Backend::Postgres => POSTGRES_COMMITTERS,
        };
        let committers = (0..committers)
            .map(|_| {
                tokio::spawn(committer::run(
                    queue.clone(),
                    writer.clone(),
                    backend,
                    migrate::table_rank,
                    notifier.clone(),
                ))
            })
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                backend,
                url: config.url.clone(),
                read,
                write,
                queue: std::sync::Mutex::new(Some(sender)),
                committers: Mutex::new(committers),
                notifier,
                stop,
            }),
        })
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Where it is, printable.
    pub fn url(&self) -> &DbUrl {
        &self.inner.url
    }

    /// The pool for SELECT statements. Writes through it are refused on SQLite and a mistake on PostgreSQL.
    pub fn read(&self) -> &DatabaseConnection {
        &self.inner.read
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.inner.write
    }

    /// Wake-ups of this database.
    pub fn notifier(&self) -> &Notifier {
        &self.inner.notifier
    }

    /// Commits a unit through the group committer; returns after the COMMIT. A caller that is dropped meanwhile does not undo it.
    ///
    /// # Errors
    /// [`DbError::Moved`], [`DbError::Unique`], [`DbError::Reference`] when this unit conflicts with what is stored: nothing of it was
    /// written. [`DbError::Unavailable`] says whether it may have been.
    pub async fn commit(&self, unit: Unit) -> Result<(), DbError> {
        if unit.is_empty() {
            return Ok(());
        }
        let sender = self.inner.queue.lock().ok().and_then(|queue| queue.clone()).ok_or(DbError::Closed)?;
        let (answer, outcome) = oneshot::channel();
        sender.send(Waiting { unit, answer }).await.map_err(|_| DbError::Closed)?;
        drop(sender);
        outcome.await.map_err(|_| DbError::Closed)?
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// That of the attempt; time it out with a deadline of your own.
    pub async fn ping(&self) -> Result<(), DbError> {
        Ok(self.inner.read.ping().await?)
    }

    /// Commits what waits, then closes every connection. Later commits answer [`DbError::Closed`].
    pub async fn close(&self) {
        drop(self.inner.queue.lock().ok().and_then(|mut queue| queue.take()));
        for committer in self.inner.committers.lock().await.drain(..) {
            if let Err(error) = committer.await {
                tracing::error!(%error, "a committer ended abnormally");
            }
        }
        self.inner.stop.cancel();
        let _ = self.inner.read.close_by_ref().await;
        let _ = self.inner.write.close_by_ref().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One writer and a few readers on one file. Readers see the last commit (WAL) and never wait for the writer.
async fn open_sqlite(config: &DbConfig, path: &Path) -> Result<(SqlitePool, SqlitePool), sqlx::Error> {
    // Created here and not by the driver, so that the file, and with it the journal files, is readable by its owner only.
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let base = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("temp_store", "memory")
        .disable_statement_logging();
    let mut writing = base
        .clone()
        .pragma("cache_size", format!("-{SQLITE_WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT_PAGES.to_string())
        .statement_cache_capacity(SQLITE_WRITER_STATEMENTS);
    if let Some(pages) = config.max_pages {
        writing = writing.pragma("max_page_count", pages.to_string());
    }
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // SQLite itself ends a transaction that meets a full disk. The driver does not notice, can neither roll back nor begin
        // anew, and would keep the only writer in that state for ever.
        .before_acquire(|connection, _| {
            let is_fit = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_fit) })
        })
        .connect_with(writing)
        .await?;
    let read = SqlitePoolOptions::new()
        .max_connections(config.max_connections.clamp(1, SQLITE_READERS_MAX))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(base.pragma("query_only", "on").pragma("cache_size", format!("-{SQLITE_READER_CACHE_KIB}")))
        .await?;
    Ok((read, write))
}

/// A pool for reads and imperative transactions, and one for the committers.
async fn open_postgres(config: &DbConfig, url: &str) -> Result<(PgPool, PgPool), sqlx::Error> {
    let options =
        PgConnectOptions::from_str(url)?.application_name(&config.application_name).disable_statement_logging();
    let pool = |connections: u32, settings: &'static str| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(MAX_LIFETIME)
            .after_connect(move |connection, _| Box::pin(async move { connection.execute(settings).await.map(drop) }))
    };
    let general = pool(config.max_connections.max(2), POSTGRES_SESSION).connect_with(options.clone()).await?;
    let committing = pool(POSTGRES_COMMITTERS, POSTGRES_COMMITTER_SESSION)
        .test_before_acquire(false)
        .connect_lazy_with(options.statement_cache_capacity(POSTGRES_COMMITTER_STATEMENTS));
    Ok((general, committing))
}

/// Units that wait before callers of [`Db::commit`] wait for room.
const QUEUE_LEN: usize = 1024;
/// With two committers one group is executed while the other is flushed to the disk.
const POSTGRES_COMMITTERS: u32 = 2;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Short enough that a rotated password is soon the only one in use.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const SQLITE_WRITER_CACHE_KIB: u32 = 8 << 10;
const SQLITE_READER_CACHE_KIB: u32 = 2 << 10;
const SQLITE_CHECKPOINT_PAGES: u32 = 4000;
const SQLITE_WRITER_STATEMENTS: usize = 512;
const POSTGRES_COMMITTER_STATEMENTS: usize = 512;
/// The server ends the transaction of a process that was stopped in the midst of it, so that its locks are not for ever. Compiling
/// a query that stops after a page takes longer than all of its rows.
const POSTGRES_SESSION: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '30s'; SET jit = off";
/// A committer finds rows by their keys only. Without statistics, as on a young table, the planner would read whole tables instead
/// and keep that plan while the table grows.
const POSTGRES_COMMITTER_SESSION: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '30s'; SET enable_seqscan = off; \
     SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
     SET plan_cache_mode = force_generic_plan";
