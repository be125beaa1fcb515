//! Opening the database at start: waiting for one that is not up yet, and saying what to do about one that refuses.

mod diagnosis;
mod migrations;

use std::time::Duration;

use certctl_db::{Class, Db, DbConfig, DbError, DbUrl};
use tokio::time::Instant;

use crate::config::DatabaseConfig;

pub use diagnosis::Diagnosed;
pub use migrations::{MigrationError, down_to, migrate, migrator, status, up};

/// Connects for the work of the server.
///
/// # Errors
/// [`Diagnosed`], with the remedy.
pub async fn connect(config: &DatabaseConfig) -> Result<Db, Diagnosed> {
    connect_to(config, &config.url, "certctl-server").await
}

/// Connects for migrations: by the URL that is meant for them, where there is one.
///
/// # Errors
/// [`Diagnosed`], with the remedy.
pub async fn connect_to_migrate(config: &DatabaseConfig) -> Result<Db, Diagnosed> {
    let url = config.migration_url.as_ref().unwrap_or(&config.url);
    connect_to(config, url, "certctl-server migrations").await
}

/// What refuses is believed at once; what does not answer yet is asked again until the configured time is over.
async fn connect_to(config: &DatabaseConfig, url: &DbUrl, application: &str) -> Result<Db, Diagnosed> {
    let mut wanted = DbConfig::new(url.clone());
    wanted.max_connections = config.connections_max;
    wanted.max_pages = config.pages_max;
    wanted.application_name = application.to_owned();
    let give_up = Instant::now() + config.connect_timeout;
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match open(&wanted).await {
            Ok(db) => return Ok(db),
            Err(error) => error,
        };
        let again = match (url, error.class()) {
            (DbUrl::Postgres(_), Class::Retryable) => Instant::now() + pause < give_up,
            // A file that cannot be opened now cannot be opened later.
            (DbUrl::Sqlite(_), Class::Retryable) | (_, Class::Conflict | Class::Permanent) => false,
        };
        if !again {
            return Err(Diagnosed::new(error));
        }
        tracing::warn!(error = &error as &dyn std::error::Error, "waiting for the database {url}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn open(config: &DbConfig) -> Result<Db, DbError> {
    let db = Db::connect(config).await?;
    db.ping().await?;
    Ok(db)
}

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
