//! Why a call did not give what was asked for.

use std::error::Error as StdError;
use std::time::Duration;

use certctl_wire::Problem;

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option cannot be used; nothing was sent.
    #[error("{field}: {message}")]
    Option {
        /// Which one.
        field: &'static str,
        /// Why, and what would do.
        message: String,
    },
    /// No answer came.
    #[error("{server} cannot be reached: {cause}")]
    Unreachable {
        /// Address of the server.
        server: String,
        /// Why.
        cause: Unreachable,
    },
    /// The server answered, and not with what was asked for.
    #[error("{}", said(.problem))]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said.
        problem: Box<Problem>,
        /// When to ask again, if it said so.
        retry_after: Option<Duration>,
    },
    /// The answer is not what this version understands.
    #[error("{server} answered something this version does not understand: {detail}")]
    Unreadable {
        /// Address of the server.
        server: String,
        /// Where reading stopped.
        detail: String,
    },
    /// The answer is larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unreachable {
    /// The name has no address.
    #[error("the name does not resolve ({0})")]
    Dns(String),
    /// Nobody listens there, or the way there is closed.
    #[error("{0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("{0}")]
    Tls(rustls::Error),
    /// Nothing came in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The connection broke after the request was sent.
    #[error("{0}")]
    Broken(String),
}

/// Why a TLS handshake failed, as far as somebody can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsTrouble {
    /// The chain leads to no authority that is trusted.
    UnknownIssuer,
    /// The certificate is for another name.
    Name,
    /// The certificate is over, or not valid yet.
    Dates,
    /// The certificate is not the pinned one.
    Pin,
    /// The server does not accept our certificate, or wants one.
    ClientCertificate,
    /// Anything else.
    Other,
}

/// The server presented something else than what was pinned.
#[derive(Debug, thiserror::Error)]
#[error("the server presents sha256:{presented}, which is not the pinned certificate or key")]
pub(crate) struct PinMismatch {
    pub(crate) presented: String,
}

/// What an error means to whoever called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The call cannot be made like this.
    Usage,
    /// No credential, or one that is not valid.
    NotAuthenticated,
    /// The credential is valid and not enough.
    Forbidden,
    /// There is no such thing, or not any more.
    NotFound,
    /// The state of things does not allow it, or changed meanwhile.
    Conflict,
    /// The request was understood and rejected.
    Invalid,
    /// Too many requests.
    RateLimited,
    /// The server, or the way to it, is down.
    Unavailable,
    /// Anything else.
    Failed,
}

impl Error {
    pub(crate) fn option(field: &'static str, message: impl Into<String>) -> Self {
        Self::Option { field, message: message.into() }
    }

    /// What it means to whoever called.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Option { .. } => Class::Usage,
            Self::Unreachable { .. } => Class::Unavailable,
            Self::Refused { status, .. } => match status {
                401 => Class::NotAuthenticated,
                403 => Class::Forbidden,
                404 | 410 => Class::NotFound,
                409 | 412 => Class::Conflict,
                400 | 413 | 415 | 422 => Class::Invalid,
                429 => Class::RateLimited,
                502..=504 => Class::Unavailable,
                _ => Class::Failed,
            },
            Self::Unreadable { .. } | Self::TooLarge { .. } => Class::Failed,
        }
    }

    /// What the server said, if it said anything.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } => Some(problem),
            Self::Option { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } | Self::TooLarge { .. } => None,
        }
    }

    /// The HTTP status, if the server answered with one that is an error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Option { .. } | Self::Unreachable { .. } | Self::Unreadable { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// What the server said, in one line; a body without a message leaves the reason phrase.
fn said(problem: &Problem) -> &str {
    if problem.message.is_empty() { &problem.error } else { &problem.message }
}

impl Unreachable {
    /// Why the TLS handshake failed, if it did.
    #[must_use]
    pub fn tls_trouble(&self) -> Option<TlsTrouble> {
        match self {
            Self::Tls(error) => Some(tls_trouble(error)),
            Self::Dns(_) | Self::Connect(_) | Self::Timeout(_) | Self::Broken(_) => None,
        }
    }

    /// Finds the cause in the chain of a transport error.
    pub(crate) fn from_transport(error: &reqwest::Error, timeout: Duration) -> Self {
        if let Some(tls) = find::<rustls::Error>(error) {
            return Self::Tls(tls.clone());
        }
        if error.is_timeout() {
            return Self::Timeout(timeout);
        }
        if let Some(dns) = find::<crate::transport::DnsFailure>(error) {
            return Self::Dns(dns.0.clone());
        }
        let text = innermost(error);
        if error.is_connect() { Self::Connect(text) } else { Self::Broken(text) }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "enums of rustls that grow; only some cases have a remedy")]
fn tls_trouble(error: &rustls::Error) -> TlsTrouble {
    use rustls::{AlertDescription, CertificateError};
    match error {
        rustls::Error::InvalidCertificate(cause) => match cause {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsTrouble::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsTrouble::Name,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsTrouble::Dates,
            CertificateError::Other(other) if other.0.is::<PinMismatch>() => TlsTrouble::Pin,
            _ => TlsTrouble::Other,
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA,
        ) => TlsTrouble::ClientCertificate,
        _ => TlsTrouble::Other,
    }
}

/// The first error of type `T` in the chain, also inside an I/O error, which hides what it wraps.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = current.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        if let Some(found) = wrapped.and_then(|inner| find::<T>(inner)) {
            return Some(found);
        }
        next = current.source();
    }
    None
}

fn innermost(error: &dyn StdError) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}
