//! Where the database is and how many connections it may have.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct DbConfig {
    /// File or server.
    pub url: DbUrl,
    /// Connections this process may hold, at least 1. SQLite holds one writer beside at most [`SQLITE_READERS_MAX`] readers.
    pub max_connections: u32,
    /// What PostgreSQL shows in `pg_stat_activity`.
    pub application_name: String,
    /// Largest size of an SQLite file in pages of 4 KiB; no limit but the disk's when absent.
    pub max_pages: Option<u32>,
}

impl DbConfig {
    /// The defaults for a database at `url`: 50 connections, no page limit.
    pub fn new(url: DbUrl) -> Self {
        Self { url, max_connections: 50, application_name: "certctl-server".to_owned(), max_pages: None }
    }
}

/// A database: an SQLite file or a PostgreSQL server. Prints without its password.
#[derive(Clone)]
pub enum DbUrl {
    /// Path of the file; created when missing.
    Sqlite(PathBuf),
    /// `postgres://…`, with its password.
    Postgres(SecretString),
}

impl DbUrl {
    /// An SQLite file.
    pub fn sqlite(path: impl AsRef<Path>) -> Self {
        Self::Sqlite(path.as_ref().to_path_buf())
    }

    /// Host of a PostgreSQL URL, `None` for SQLite or a URL without one.
    pub fn host(&self) -> Option<String> {
        self.options().map(|options| options.get_host().to_owned())
    }

    /// Whether a PostgreSQL URL turns TLS off (`sslmode=disable`).
    pub fn is_plaintext(&self) -> bool {
        self.options().is_some_and(|options| matches!(options.get_ssl_mode(), PgSslMode::Disable))
    }

    pub(crate) fn options(&self) -> Option<PgConnectOptions> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(url) => PgConnectOptions::from_str(url.expose_secret()).ok(),
        }
    }
}

impl FromStr for DbUrl {
    type Err = UrlError;

    /// Reads `postgres://…`, `postgresql://…`, `sqlite:PATH` or `sqlite://PATH`.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        if let Some(path) = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")) {
            return if path.is_empty() { Err(UrlError::Path) } else { Ok(Self::sqlite(path)) };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return match PgConnectOptions::from_str(text) {
                Ok(_) => Ok(Self::Postgres(text.into())),
                Err(_) => Err(UrlError::Postgres),
            };
        }
        Err(UrlError::Scheme)
    }
}

impl fmt::Display for DbUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.options()) {
            (Self::Sqlite(path), _) => write!(out, "sqlite:{}", path.display()),
            (Self::Postgres(_), Some(options)) => write!(
                out,
                "postgres://{}@{}:{}/{}",
                options.get_username(),
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
            (Self::Postgres(_), None) => out.write_str("postgres://(unreadable)"),
        }
    }
}

impl fmt::Debug for DbUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Why a database URL cannot be read. Never repeats the URL: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Neither database.
    #[error("the database URL must start with postgres://, postgresql:// or sqlite:")]
    Scheme,
    /// No file name.
    #[error("the database URL names no file; write sqlite:/path/to/certctl.db")]
    Path,
    /// Host, port, user or parameter malformed.
    #[error(
        "the PostgreSQL URL is malformed; write postgres://user:password@host:port/database?sslmode=… and percent-encode special characters"
    )]
    Postgres,
}

/// Most read connections to an SQLite file: more only wait for the same cores.
pub(crate) const SQLITE_READERS_MAX: u32 = 4;
