//! The one issuance pipeline. Whatever the door, a certificate is signed only here: judge, build, lint, reserve, sign,
//! commit. The intent is on record before a CA is asked, and the result with everything that follows from it afterwards, so
//! a process may die between any two lines.

mod gate;
pub(crate) mod internal;
mod order;
mod plan;
mod run;
mod settle;
mod step;

pub(crate) use gate::{Gate, Subject};
pub(crate) use order::poll_pause;
pub(crate) use plan::{Ask, Plan, lint};
pub(crate) use run::Attempt;
pub(crate) use settle::Exhausted;
pub use step::Step;

use certctl_connector::ConnectorError;
use certctl_domain::refusal::{RefusalKind, Refusals};
use certctl_domain::work::FailureClass;
use certctl_pki::Certificate;
use std::time::Duration;

use crate::error::Error;

/// Why an attempt did not end in a certificate.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    pub(crate) message: String,
    /// The issuer asked to wait at least this long.
    pub(crate) retry_after: Option<Duration>,
    /// What an outside issuer signed and nobody may serve: it is kept for the record, and for its revocation.
    pub(crate) refused: Option<Box<Certificate>>,
}

impl Failure {
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), retry_after: None, refused: None }
    }
}

impl From<Refusals> for Failure {
    fn from(refusals: Refusals) -> Self {
        let class = match refusals.kind() {
            RefusalKind::Invalid => FailureClass::Validation,
            RefusalKind::Denied => FailureClass::PolicyDenied,
        };
        Self::new(class, refusals.summary())
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        let class = connector_class(&error);
        Self { class, retry_after: error.retry_after(), message: error.to_string(), refused: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusals) => refusals.into(),
            Error::Connector(error) => error.into(),
            Error::Unavailable(_) => Self::new(FailureClass::Transient, error.to_string()),
            Error::Missing { .. } | Error::Denied(_) | Error::Forbidden { .. } | Error::AgentOnly => {
                Self::new(FailureClass::Config, error.to_string())
            }
            Error::Unauthenticated { .. } | Error::Conflict { .. } | Error::Stale { .. } | Error::Gone { .. } => {
                Self::new(FailureClass::Internal, error.to_string())
            }
            Error::Internal { .. } => Self::new(FailureClass::Internal, causes(&error)),
        }
    }
}

fn connector_class(error: &ConnectorError) -> FailureClass {
    use certctl_connector::ErrorClass as Class;
    match error.class() {
        Class::Config => FailureClass::Config,
        Class::Auth => FailureClass::Auth,
        Class::Rejected => FailureClass::Rejected,
        Class::RateLimited | Class::Upstream5xx | Class::Network | Class::Timeout => FailureClass::Transient,
        Class::TargetValidate | Class::TargetReload { .. } | Class::TargetVerify { .. } => FailureClass::Target,
        Class::RollbackFailed => FailureClass::RollbackFailed,
        Class::Internal => FailureClass::Internal,
    }
}

/// An error with its causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
