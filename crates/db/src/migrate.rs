//! The migrations runner: plain SQL pairs, embedded or from a directory, each applied with its bookkeeping row in one transaction,
//! under a lock that other replicas wait for.

mod file;
mod schema;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Statement, Value};

use crate::{Backend, Db, DbError};

pub use file::{Migration, MigrationFileError};
pub use schema::{Column, Schema, Table, schema};

/// What is recorded, and how it compares with what this program knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Versions that are recorded, ascending.
    pub applied: Vec<i64>,
    /// Known to this program and not recorded, ascending.
    pub pending: Vec<i64>,
    /// Recorded and known, but the file has another checksum than the one that was applied.
    pub changed: Vec<i64>,
    /// Recorded and unknown: a newer program has migrated this database.
    pub ahead: Vec<i64>,
}

/// Why migrations could not be read or run.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The directory or one of its files.
    #[error(transparent)]
    File(#[from] MigrationFileError),
    /// One migration failed; the earlier ones stay applied.
    #[error("migration {version} {name} failed and was undone")]
    Failed {
        /// Its number.
        version: i64,
        /// Its name.
        name: String,
        /// The database's error.
        #[source]
        source: DbError,
    },
    /// A recorded migration cannot be undone: this program does not know it.
    #[error("migration {version} is not known to this program; use the version that applied it")]
    Unknown {
        /// Its number.
        version: i64,
    },
    /// Reading the bookkeeping or taking the lock.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A set of migrations for one database.
#[derive(Clone, Debug)]
pub struct Migrator {
    migrations: Vec<Migration>,
}

impl Migrator {
    /// The embedded migrations for `backend`.
    pub fn embedded(backend: Backend) -> Self {
        Self { migrations: file::embedded(backend) }
    }

    /// Those of a directory that holds `NNNNNN_name.{up,down}.sql`, instead of the embedded ones.
    ///
    /// # Errors
    /// [`MigrationFileError`] naming the file.
    pub fn from_directory(directory: &Path) -> Result<Self, MigrationFileError> {
        Ok(Self { migrations: file::read_directory(directory)? })
    }

    /// The migrations, ascending.
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// Compares the bookkeeping of `db` with this set.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn status(&self, db: &Db) -> Result<MigrationStatus, DbError> {
        let exists = match db.backend() {
            Backend::Sqlite => {
                "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"
            }
            Backend::Postgres => "SELECT 1 AS found WHERE to_regclass('schema_migrations') IS NOT NULL",
        };
        let exists = Statement::from_string(db.read().get_database_backend(), exists);
        let recorded = match db.read().query_one_raw(exists).await? {
            Some(_) => recorded(db.read()).await?,
            None => BTreeMap::new(),
        };
        Ok(self.compare(&recorded))
    }

    /// Applies what is pending, each migration in a transaction of its own, and returns how things stand then. `now` is in
    /// microseconds since 1970. Replicas that start together wait for one another.
    ///
    /// # Errors
    /// [`MigrateError::Failed`] at the first one that fails.
    pub async fn up(&self, db: &Db, now: i64, app_version: &str) -> Result<MigrationStatus, MigrateError> {
        loop {
            let txn = begin_locked(db).await?;
            txn.connection().execute_unprepared(BOOKKEEPING).await.map_err(DbError::from)?;
            let status = self.compare(&recorded(txn.connection()).await?);
            let Some(migration) = self.migrations.iter().find(|each| status.pending.contains(&each.version)) else {
                txn.commit().await?;
                return Ok(status);
            };
            let failed =
                |source| MigrateError::Failed { version: migration.version, name: migration.name.clone(), source };
            run(txn.connection(), &migration.up).await.map_err(failed)?;
            record(txn.connection(), migration, now, app_version).await.map_err(failed)?;
            txn.commit().await.map_err(failed)?;
            tracing::info!(version = migration.version, name = migration.name, "migration applied");
        }
    }

    /// Undoes every migration above `version`, newest first. Restores the shape, not dropped data.
    ///
    /// # Errors
    /// [`MigrateError::Unknown`] when a newer program applied one, [`MigrateError::Failed`] at the first one that fails.
    pub async fn down_to(&self, db: &Db, version: i64) -> Result<MigrationStatus, MigrateError> {
        loop {
            let txn = begin_locked(db).await?;
            txn.connection().execute_unprepared(BOOKKEEPING).await.map_err(DbError::from)?;
            let recorded = recorded(txn.connection()).await?;
            let Some((&newest, _)) = recorded.last_key_value().filter(|(newest, _)| **newest > version) else {
                txn.commit().await?;
                return Ok(self.compare(&recorded));
            };
            let Some(migration) = self.migrations.iter().find(|each| each.version == newest) else {
                return Err(MigrateError::Unknown { version: newest });
            };
            let failed = |source| MigrateError::Failed { version: newest, name: migration.name.clone(), source };
            run(txn.connection(), &migration.down).await.map_err(failed)?;
            let forget = statement(
                txn.connection().get_database_backend(),
                "DELETE FROM schema_migrations WHERE version = $1",
                [newest.into()],
            );
            txn.connection().execute_raw(forget).await.map_err(|error| failed(error.into()))?;
            txn.commit().await.map_err(failed)?;
            tracing::info!(version = newest, name = migration.name, "migration undone");
        }
    }

    fn compare(&self, recorded: &BTreeMap<i64, String>) -> MigrationStatus {
        let known: BTreeMap<i64, &str> =
            self.migrations.iter().map(|each| (each.version, each.checksum.as_str())).collect();
        MigrationStatus {
            applied: recorded.keys().copied().collect(),
            pending: known.keys().copied().filter(|version| !recorded.contains_key(version)).collect(),
            changed: recorded
                .iter()
                .filter(|(version, sum)| known.get(version).is_some_and(|known| known != sum))
                .map(|(version, _)| *version)
                .collect(),
            ahead: recorded.keys().copied().filter(|version| !known.contains_key(version)).collect(),
        }
    }
}

/// Place of a table in the order in which the migrations create them: a table comes after those it refers to. Unknown tables last.
pub(crate) fn table_rank(table: &str) -> usize {
    static ORDER: LazyLock<BTreeMap<String, usize>> = LazyLock::new(|| {
        let migrations = file::embedded(Backend::Sqlite);
        let created = migrations.iter().flat_map(|migration| migration.up.lines()).filter_map(|line| {
            line.strip_prefix("CREATE TABLE ").and_then(|rest| rest.split([' ', '(']).next()).map(str::to_owned)
        });
        created.enumerate().map(|(rank, table)| (table, rank)).collect()
    });
    ORDER.get(table).copied().unwrap_or(usize::MAX)
}

/// Opens a transaction that holds the migration lock until it ends. On SQLite the writer is the lock.
async fn begin_locked(db: &Db) -> Result<crate::Transaction, DbError> {
    let txn = db.begin().await?;
    if db.backend() == Backend::Postgres {
        let connection = txn.connection();
        // The lock is waited for without limit: another replica may be busy with a large table.
        connection.execute_unprepared("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0").await?;
        connection.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")).await?;
    }
    Ok(txn)
}

async fn recorded(connection: &impl ConnectionTrait) -> Result<BTreeMap<i64, String>, DbError> {
    #[derive(FromQueryResult)]
    struct Recorded {
        version: i64,
        checksum: String,
    }
    let backend = connection.get_database_backend();
    let sql = Statement::from_string(backend, "SELECT version, checksum FROM schema_migrations");
    let rows = Recorded::find_by_statement(sql).all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.version, row.checksum)).collect())
}

async fn run(txn: &DatabaseTransaction, sql: &str) -> Result<(), DbError> {
    txn.execute_unprepared(sql).await?;
    Ok(())
}

async fn record(txn: &DatabaseTransaction, migration: &Migration, now: i64, app_version: &str) -> Result<(), DbError> {
    let row = statement(
        txn.get_database_backend(),
        "INSERT INTO schema_migrations (version, name, checksum, applied_at, app_version) VALUES ($1, $2, $3, $4, $5)",
        [
            migration.version.into(),
            migration.name.as_str().into(),
            migration.checksum.as_str().into(),
            now.into(),
            app_version.into(),
        ],
    );
    txn.execute_raw(row).await?;
    Ok(())
}

fn statement<const N: usize>(backend: DbBackend, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(backend, sql, values)
}

/// Key of the advisory lock that a migrating replica holds on PostgreSQL.
pub const ADVISORY_LOCK: i64 = 7_283_164_759_461_502_341;

const BOOKKEEPING: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (\
     version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL, \
     app_version TEXT NOT NULL)";
