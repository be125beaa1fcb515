//! What a use case answers when it does not do what was asked. The doors alone turn this into status codes.

use certctl_connector::ConnectorError;
use certctl_db::DbError;
use certctl_domain::permission::Permission;
use certctl_domain::refusal::{Refusal, Refusals};

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what was asked. `code` fields are stable and part of the wire.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing, or the caller may not know of it.
    #[error("{what} {id} does not exist")]
    Missing {
        /// The sort of thing.
        what: &'static str,
        /// The id asked for.
        id: String,
    },
    /// The caller lacks a permission.
    #[error("this needs the permission {0}")]
    Denied(Permission),
    /// Understood and forbidden, whatever the permissions.
    #[error("{message}")]
    Forbidden {
        /// Stable code.
        code: &'static str,
        /// What and why.
        message: String,
    },
    /// The route is for agents.
    #[error("this needs an agent's own credential")]
    AgentOnly,
    /// The credential is not accepted.
    #[error("{message}")]
    Unauthenticated {
        /// Stable code.
        code: &'static str,
        /// What and why.
        message: String,
    },
    /// Malformed, or refused by profile, policy or state: all reasons.
    #[error("{}", .0.summary())]
    Refused(Refusals),
    /// In the way of something that exists.
    #[error("{message}")]
    Conflict {
        /// Stable code.
        code: &'static str,
        /// What and why.
        message: String,
        /// Counts or ids that explain it.
        details: Vec<(String, String)>,
    },
    /// `If-Match` named another revision.
    #[error("it is at revision {current}, not at the one named; read it again")]
    Stale {
        /// The revision stored now.
        current: i64,
    },
    /// It was there and is gone for good.
    #[error("{message}")]
    Gone {
        /// Stable code.
        code: &'static str,
        /// What and why.
        message: String,
    },
    /// An issuer or target did not do its part.
    #[error("{0}")]
    Connector(#[from] ConnectorError),
    /// The database cannot be reached or is full; nothing was changed.
    #[error("{}", unavailable(.0))]
    Unavailable(#[source] DbError),
    /// A bug, or data that cannot be.
    #[error("internal error: {context}")]
    Internal {
        /// What was being done.
        context: String,
        /// What went wrong.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl Error {
    /// No such thing.
    pub fn missing(what: &'static str, id: impl AsRef<str>) -> Self {
        Self::Missing { what, id: id.as_ref().to_owned() }
    }

    /// One malformed field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::invalid(field, message).into())
    }

    /// One field that is understood and not allowed.
    pub fn refused(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::denied(field, message).into())
    }

    /// In the way of something that exists.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into(), details: Vec::new() }
    }

    /// Data that cannot be.
    pub fn internal(context: impl Into<String>) -> Self {
        Self::Internal { context: context.into(), source: None }
    }

    /// Whether there is no room left in the database: it takes a person to make some.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Unavailable(DbError::Full))
    }

    /// A bug with its cause.
    pub fn bug(context: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal { context: context.into(), source: Some(Box::new(source)) }
    }
}

/// Why the database did nothing, without where it is.
fn unavailable(error: &DbError) -> String {
    match error {
        DbError::Connect { .. } => "the database cannot be reached; try again".to_owned(),
        DbError::Unavailable { .. }
        | DbError::Full
        | DbError::Timeout { .. }
        | DbError::Busy
        | DbError::Closed
        | DbError::Moved { .. }
        | DbError::Unique { .. }
        | DbError::Reference { .. }
        | DbError::Refused { .. }
        | DbError::Corrupt(_)
        | DbError::Other(_) => error.to_string(),
    }
}

impl From<Refusals> for Error {
    fn from(refusals: Refusals) -> Self {
        Self::Refused(refusals)
    }
}

impl Error {
    /// A row that was read has moved before what was decided could be written: decide again.
    pub(crate) fn is_moved(&self) -> bool {
        matches!(self, Self::Conflict { code: CHANGED_MEANWHILE, .. })
    }
}

const CHANGED_MEANWHILE: &str = "changed_meanwhile";

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Moved { entity, id } => Self::Conflict {
                code: CHANGED_MEANWHILE,
                message: format!("{entity} {id} has changed meanwhile; read it again"),
                details: Vec::new(),
            },
            // The attempt that a lease left behind is written once: somebody else ended the lease meanwhile.
            DbError::Unique { ref table, .. } if table == "job_attempts" => Self::Conflict {
                code: CHANGED_MEANWHILE,
                message: "the job's lease has ended meanwhile; read it again".to_owned(),
                details: Vec::new(),
            },
            DbError::Unique { .. } | DbError::Reference { .. } => {
                Self::Conflict { code: "conflict", message: error.to_string(), details: Vec::new() }
            }
            DbError::Unavailable { .. }
            | DbError::Connect { .. }
            | DbError::Full
            | DbError::Timeout { .. }
            | DbError::Busy
            | DbError::Closed => Self::Unavailable(error),
            DbError::Refused { .. } | DbError::Corrupt(_) | DbError::Other(_) => Self::bug("using the database", error),
        }
    }
}
