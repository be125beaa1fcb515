//! A failure inside this room: class and message. It becomes a [`ConnectorError`] where it leaves, so that only the outermost
//! function has to know which connector and operation it belongs to.

use std::{io, path::Path};

use certctl_connector::{ConnectorError, ErrorClass};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) class: ErrorClass,
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Config, message)
    }

    /// `doing` is a verb phrase such as "write".
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        let (class, remedy) = SAID_PLAINLY
            .iter()
            .find(|(kind, ..)| *kind == error.kind())
            .map_or((ErrorClass::Internal, ""), |(_, class, remedy)| (*class, *remedy));
        Self::new(class, format!("cannot {doing} {}: {error}{remedy}", path.display()))
    }

    pub(crate) fn because(mut self, note: &str) -> Self {
        self.message = format!("{}; {note}", self.message);
        self
    }

    /// The same, with the former state in place again.
    pub(crate) fn rolled_back(mut self) -> Self {
        self.class = match self.class {
            ErrorClass::TargetReload { .. } => ErrorClass::TargetReload { rolled_back: true },
            ErrorClass::TargetVerify { .. } => ErrorClass::TargetVerify { rolled_back: true },
            ErrorClass::Config
            | ErrorClass::Auth
            | ErrorClass::Rejected
            | ErrorClass::RateLimited
            | ErrorClass::Upstream5xx
            | ErrorClass::Network
            | ErrorClass::Timeout
            | ErrorClass::TargetValidate
            | ErrorClass::RollbackFailed
            | ErrorClass::Internal => self.class,
        };
        self.because("the former files are in place")
    }

    pub(crate) fn told_by(self, connector: &'static str, operation: &'static str) -> ConnectorError {
        ConnectorError::new(self.class, connector, operation, self.message)
    }
}

const SAID_PLAINLY: [(io::ErrorKind, ErrorClass, &str); 5] = [
    (io::ErrorKind::PermissionDenied, ErrorClass::Config, "; give the agent's user access"),
    (io::ErrorKind::NotFound, ErrorClass::Config, "; create it"),
    (io::ErrorKind::ReadOnlyFilesystem, ErrorClass::Config, "; it is on a read-only file system"),
    (io::ErrorKind::StorageFull, ErrorClass::Internal, "; free some space"),
    (io::ErrorKind::QuotaExceeded, ErrorClass::Internal, "; free some space"),
];
