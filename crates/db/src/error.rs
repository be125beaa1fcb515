//! What can go wrong with the database, told in cases that a caller can act on, alike on both databases.

use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::ErrorKind;
use sqlx::postgres::PgDatabaseError;

/// A failed read or write. Cheap to clone: one failure may answer a whole group of callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DbError {
    /// A guarded write found its row gone or in another state than expected; nothing of the unit was written.
    #[error("{entity} {id} has changed meanwhile; read it again")]
    Moved {
        /// Kind of the row, as the guard named it.
        entity: &'static str,
        /// Its id.
        id: String,
    },
    /// A row with the same unique value exists.
    #[error("{table}: a row with the same {} exists", .columns.join(", "))]
    Unique {
        /// Table of the constraint.
        table: String,
        /// Columns of the constraint, in its order.
        columns: Vec<String>,
    },
    /// A referenced row is missing, or the row is still referenced.
    #[error("a referenced row is missing, or the row is still in use{}", .constraint.as_ref().map(|name| format!(" ({name})")).unwrap_or_default())]
    Reference {
        /// Name of the constraint where the database tells it (PostgreSQL).
        constraint: Option<String>,
    },
    /// A value breaks a CHECK, a NOT NULL or a trigger.
    #[error("the database refuses the row: {detail}")]
    Refused {
        /// The database's words.
        detail: String,
    },
    /// The connection could not be made, was lost, or the database is closing.
    #[error("the database cannot be reached{}", .outcome.suffix())]
    Unavailable {
        /// Whether the writes may have been committed.
        outcome: Outcome,
        /// The driver's error.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The first connection was refused by the server, with its SQLSTATE where it gave one.
    #[error("cannot connect to the database {url}")]
    Connect {
        /// The database, without its password.
        url: String,
        /// Why.
        cause: ConnectCause,
        /// The driver's error.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// Disk or page limit reached; nothing was written.
    #[error("the database is full; free disk space")]
    Full,
    /// A statement ran longer than its limit, or no connection became free in time.
    #[error("the database did not answer in time: {what}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
    },
    /// The file is damaged or no database.
    #[error("the database file is damaged or is no database; restore it from a backup")]
    Corrupt(#[source] Arc<sqlx::Error>),
    /// The same rows were fought over more often than is worth trying again.
    #[error("the database is busy with the same rows; try again")]
    Busy,
    /// The database was closed by this process.
    #[error("the database is closed")]
    Closed,
    /// A stored value that no released version has written, or a statement that the database does not understand.
    #[error("the database answered unexpectedly")]
    Other(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// Whether a lost connection may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Lost before COMMIT was sent: nothing was written.
    NotApplied,
    /// Lost after COMMIT was sent: read again before writing again.
    Unknown,
}

impl Outcome {
    fn suffix(self) -> &'static str {
        match self {
            Self::NotApplied => "; nothing was written",
            Self::Unknown => "; whether the last write took effect is unknown, so read again before repeating it",
        }
    }
}

/// Why the first connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectCause {
    /// The server answered with this SQLSTATE (`28P01` wrong password, `3D000` no such database, `53300` too many connections …).
    Sqlstate(String),
    /// Refused, reset, unresolvable or timed out; worth another try, as is SQLSTATE `57P03`.
    Unreachable,
    /// TLS was refused or its certificate does not verify.
    Tls,
    /// The file cannot be opened: path, owner or mode.
    File,
}

/// What a caller may do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same call may succeed later.
    Retryable,
    /// The caller's picture of the data is old: read, decide and write again.
    Conflict,
    /// Needs a person.
    Permanent,
}

impl DbError {
    /// What a caller may do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Moved { .. } | Self::Unique { .. } | Self::Reference { .. } => Class::Conflict,
            Self::Unavailable { .. } | Self::Timeout { .. } | Self::Busy | Self::Closed | Self::Full => {
                Class::Retryable
            }
            Self::Connect { cause, .. } => match cause {
                ConnectCause::Unreachable => Class::Retryable,
                ConnectCause::Sqlstate(state) if state == STARTING_UP => Class::Retryable,
                ConnectCause::Sqlstate(_) | ConnectCause::Tls | ConnectCause::File => Class::Permanent,
            },
            Self::Refused { .. } | Self::Corrupt(_) | Self::Other(_) => Class::Permanent,
        }
    }

    /// Whether this is the violation of the unique constraint that holds exactly `columns` of `table`.
    pub fn is_unique(&self, table: &str, columns: &[&str]) -> bool {
        matches!(self, Self::Unique { table: of, columns: named } if of == table && named.iter().eq(columns))
    }

    /// An unreadable stored value: `what` names table, column and row.
    pub fn unreadable(what: impl std::fmt::Display) -> Self {
        Self::Other(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(format!("unreadable row: {what}"))))
    }

    pub(crate) fn foreign() -> Self {
        Self::Other(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(
            "a column of a unit of work is neither boolean, integer, text nor bytes",
        )))
    }

    pub(crate) fn bind(source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Other(Arc::from(source))
    }

    /// Translates the driver's error for the first connection to `url`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other driver error means that nothing answered")]
    pub(crate) fn connect(url: &crate::DbUrl, source: sqlx::Error) -> Self {
        let cause = match &source {
            sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => ConnectCause::Sqlstate(error.code().to_owned()),
                None => ConnectCause::File,
            },
            _ if matches!(url, crate::DbUrl::Sqlite(_)) => ConnectCause::File,
            sqlx::Error::Tls(_) => ConnectCause::Tls,
            _ => ConnectCause::Unreachable,
        };
        Self::Connect { url: url.to_string(), cause, source: Arc::new(source) }
    }

    pub(crate) fn commit_lost(self) -> Self {
        if let Self::Unavailable { source, .. } = self {
            return Self::Unavailable { outcome: Outcome::Unknown, source };
        }
        self
    }

    /// Whether the same transaction is worth another try at once.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable { outcome: Outcome::NotApplied, .. })
    }

    /// Whether the error concerns one unit and not the connection or the disk.
    pub(crate) fn is_of_the_unit(&self) -> bool {
        match self {
            Self::Moved { .. }
            | Self::Unique { .. }
            | Self::Reference { .. }
            | Self::Refused { .. }
            | Self::Other(_) => true,
            Self::Unavailable { .. }
            | Self::Connect { .. }
            | Self::Full
            | Self::Timeout { .. }
            | Self::Corrupt(_)
            | Self::Busy
            | Self::Closed => false,
        }
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        from_driver(Arc::new(error))
    }
}

impl From<DbErr> for DbError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the query layer's other errors are mistakes of ours, not cases"
    )]
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(source))
            | DbErr::Exec(RuntimeErr::SqlxError(source))
            | DbErr::Query(RuntimeErr::SqlxError(source)) => from_driver(source),
            DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout) => Self::Timeout { what: "a free connection" },
            DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::ConnectionClosed) => Self::Closed,
            other => Self::Other(Arc::new(other)),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the driver's other errors are mistakes of ours, not cases")]
fn from_driver(error: Arc<sqlx::Error>) -> DbError {
    match error.as_ref() {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(postgres) => from_postgres(postgres, &error),
            None => from_sqlite(database.code().as_deref(), database.message(), database.kind(), &error),
        },
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            DbError::Unavailable { outcome: Outcome::NotApplied, source: error }
        }
        sqlx::Error::PoolTimedOut => DbError::Timeout { what: "a free connection" },
        sqlx::Error::PoolClosed => DbError::Closed,
        _ => DbError::Other(error),
    }
}

fn from_postgres(error: &PgDatabaseError, source: &Arc<sqlx::Error>) -> DbError {
    match error.code() {
        "23505" => DbError::Unique {
            table: error.table().unwrap_or_default().to_owned(),
            columns: error.detail().map(columns_in_detail).unwrap_or_default(),
        },
        "23503" => DbError::Reference { constraint: error.constraint().map(str::to_owned) },
        "23502" | "23514" => DbError::Refused { detail: error.message().to_owned() },
        "40001" | "40P01" | "55P03" => DbError::Busy,
        // 21000: two changes of one group name the same row; each alone is judged again.
        "21000" => DbError::Refused { detail: error.message().to_owned() },
        "57014" => DbError::Timeout { what: "a statement" },
        "53100" | "53200" | "53400" => DbError::Full,
        "XX001" | "XX002" => DbError::Corrupt(source.clone()),
        "57P01" | "57P02" | STARTING_UP | "53300" => {
            DbError::Unavailable { outcome: Outcome::NotApplied, source: source.clone() }
        }
        code if code.starts_with("08") => DbError::Unavailable { outcome: Outcome::NotApplied, source: source.clone() },
        _ => DbError::Other(source.clone()),
    }
}

/// Reads the columns out of `Key (a, b)=(1, 2) already exists.`; the words around them depend on the server's language.
fn columns_in_detail(detail: &str) -> Vec<String> {
    let inner = detail.split_once('(').and_then(|(_, rest)| rest.split_once(")=")).map(|(inner, _)| inner);
    inner.map(|inner| inner.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

fn from_sqlite(code: Option<&str>, message: &str, kind: ErrorKind, source: &Arc<sqlx::Error>) -> DbError {
    let code: i32 = code.and_then(|code| code.parse().ok()).unwrap_or_default();
    match (kind, code & 0xff) {
        (ErrorKind::UniqueViolation, _) => unique_in_message(message),
        (ErrorKind::ForeignKeyViolation, _) => DbError::Reference { constraint: None },
        (_, SQLITE_CONSTRAINT) => DbError::Refused { detail: message.to_owned() },
        (_, SQLITE_BUSY | SQLITE_LOCKED) => DbError::Busy,
        (_, SQLITE_FULL) => DbError::Full,
        (_, SQLITE_CORRUPT | SQLITE_NOTADB) => DbError::Corrupt(source.clone()),
        (_, SQLITE_IOERR | SQLITE_CANTOPEN | SQLITE_READONLY) => {
            DbError::Unavailable { outcome: Outcome::NotApplied, source: source.clone() }
        }
        _ => DbError::Other(source.clone()),
    }
}

/// Reads `UNIQUE constraint failed: t.a, t.b`.
fn unique_in_message(message: &str) -> DbError {
    let names = message.rsplit_once(": ").map_or("", |(_, names)| names);
    let mut table = String::new();
    let mut columns = Vec::new();
    for name in names.split(", ") {
        if let Some((of, column)) = name.split_once('.') {
            table = of.to_owned();
            columns.push(column.to_owned());
        }
    }
    DbError::Unique { table, columns }
}

const STARTING_UP: &str = "57P03";

const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_NOTADB: i32 = 26;
