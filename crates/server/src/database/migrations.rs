//! Bringing the schema up to date at start, or waiting for the process that does.

use std::time::Duration;

use certctl_db::Db;
use certctl_db::migrate::{MigrateError, MigrationStatus, Migrator};
use certctl_pki::Timestamp;

use crate::config::DatabaseConfig;
use crate::version::VERSION;

/// Why the schema is not what this program needs.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// Files, lock or one of the migrations.
    #[error(transparent)]
    Failed(#[from] MigrateError),
    /// A file is not the one that was applied.
    #[error(
        "migrations {changed:?} were changed after they had been applied; restore their files, or unset CERTCTL_MIGRATIONS_STRICT to start with a warning"
    )]
    Changed {
        /// Their numbers.
        changed: Vec<i64>,
    },
    /// The hook did not come.
    #[error(
        "migrations {pending:?} are still pending after {}s; CERTCTL_MIGRATIONS_VIA_HOOK=true leaves them to the pre-install or pre-upgrade hook (certctl-server --migrate-only): look at its log",
        HOOK_PATIENCE.as_secs()
    )]
    NoHook {
        /// Their numbers.
        pending: Vec<i64>,
    },
}

/// The migrations to run.
///
/// # Errors
/// The directory of `CERTCTL_DATABASE_MIGRATIONS_PATH` cannot be read.
pub fn migrator(config: &DatabaseConfig, db: &Db) -> Result<Migrator, MigrationError> {
    match &config.migrations_path {
        Some(path) => Ok(Migrator::from_directory(path).map_err(MigrateError::from)?),
        None => Ok(Migrator::embedded(db.backend())),
    }
}

/// What a server does at start: applies what is pending, or waits for the hook that does.
///
/// # Errors
/// [`MigrationError`].
pub async fn migrate(config: &DatabaseConfig, db: &Db, now: Timestamp) -> Result<(), MigrationError> {
    let migrator = migrator(config, db)?;
    let status = if config.via_hook {
        tracing::info!("migrations are left to the hook");
        wait_for_hook(&migrator, db, now).await?
    } else {
        migrator.up(db, now.unix_micros(), VERSION).await?
    };
    judge(config, &status)
}

/// Applies what is pending.
///
/// # Errors
/// [`MigrationError`].
pub async fn up(config: &DatabaseConfig, db: &Db, now: Timestamp) -> Result<MigrationStatus, MigrationError> {
    let status = migrator(config, db)?.up(db, now.unix_micros(), VERSION).await?;
    judge(config, &status)?;
    Ok(status)
}

/// Undoes every migration above `version`.
///
/// # Errors
/// [`MigrationError`].
pub async fn down_to(config: &DatabaseConfig, db: &Db, version: i64) -> Result<MigrationStatus, MigrationError> {
    Ok(migrator(config, db)?.down_to(db, version).await?)
}

/// How things stand.
///
/// # Errors
/// [`MigrationError`].
pub async fn status(config: &DatabaseConfig, db: &Db) -> Result<MigrationStatus, MigrationError> {
    Ok(migrator(config, db)?.status(db).await.map_err(MigrateError::from)?)
}

fn judge(config: &DatabaseConfig, status: &MigrationStatus) -> Result<(), MigrationError> {
    if !status.ahead.is_empty() {
        tracing::warn!(versions = ?status.ahead, "migration-version mismatch: a newer server has migrated this database");
    }
    if status.changed.is_empty() {
        return Ok(());
    }
    if config.strict {
        return Err(MigrationError::Changed { changed: status.changed.clone() });
    }
    tracing::warn!(versions = ?status.changed, "migrations were changed after they had been applied");
    Ok(())
}

/// A database that nothing was ever applied to is a first installation, whose hook runs before this server is there at all or
/// never: it is migrated here.
async fn wait_for_hook(migrator: &Migrator, db: &Db, now: Timestamp) -> Result<MigrationStatus, MigrationError> {
    let give_up = tokio::time::Instant::now() + HOOK_PATIENCE;
    loop {
        let status = migrator.status(db).await.map_err(MigrateError::from)?;
        if status.pending.is_empty() {
            return Ok(status);
        }
        if status.applied.is_empty() {
            tracing::info!("the database is empty: applying all migrations");
            return Ok(migrator.up(db, now.unix_micros(), VERSION).await?);
        }
        if tokio::time::Instant::now() >= give_up {
            return Err(MigrationError::NoHook { pending: status.pending });
        }
        tracing::info!(pending = ?status.pending, "waiting for the migration hook");
        tokio::time::sleep(HOOK_POLL).await;
    }
}

const HOOK_PATIENCE: Duration = Duration::from_secs(600);
const HOOK_POLL: Duration = Duration::from_secs(5);
