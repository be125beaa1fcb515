//! What went wrong at the outside, in the classes the scheduler decides by.
//!
//! Retry, alert and display read [`ErrorClass`] and nothing else: no caller looks into the text of an error.

use std::{fmt, time::Duration};

/// Why a connector's call failed; decides whether it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A field, path, product or policy entry is wrong: needs an edit.
    Config,
    /// The credential was refused: needs a new one, and an alert.
    Auth,
    /// The other side understood and said no (policy, CSR, order).
    Rejected,
    /// Too many requests; [`ConnectorError::retry_after`] says how long to wait.
    RateLimited,
    /// The other side failed.
    Upstream5xx,
    /// Unreachable, reset, name not resolved.
    Network,
    /// No answer before the deadline.
    Timeout,
    /// The check before the reload failed; the old certificate was never replaced in the service.
    TargetValidate,
    /// The reload failed.
    TargetReload {
        /// Whether the former files are back and the service runs on them.
        rolled_back: bool,
    },
    /// The endpoint serves another certificate than the one deployed.
    TargetVerify {
        /// Whether the former files are back and the service runs on them.
        rolled_back: bool,
    },
    /// The former state could not be restored: a person must act. The message names the backups.
    RollbackFailed,
    /// A defect of ours.
    Internal,
}

impl ErrorClass {
    /// Every class, the rolled-back variants included.
    pub const ALL: [Self; 14] = [
        Self::Config,
        Self::Auth,
        Self::Rejected,
        Self::RateLimited,
        Self::Upstream5xx,
        Self::Network,
        Self::Timeout,
        Self::TargetValidate,
        Self::TargetReload { rolled_back: true },
        Self::TargetReload { rolled_back: false },
        Self::TargetVerify { rolled_back: true },
        Self::TargetVerify { rolled_back: false },
        Self::RollbackFailed,
        Self::Internal,
    ];

    /// The stable name on the wire, in metrics and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Auth => "auth",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate_limited",
            Self::Upstream5xx => "upstream_5xx",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::TargetValidate => "target_validate",
            Self::TargetReload { .. } => "target_reload",
            Self::TargetVerify { .. } => "target_verify",
            Self::RollbackFailed => "rollback_failed",
            Self::Internal => "internal",
        }
    }

    /// Reads a wire name. `rolled_back` belongs to the two classes that carry it and is ignored by the others.
    pub fn from_wire(name: &str, rolled_back: bool) -> Option<Self> {
        let class = Self::ALL.into_iter().find(|class| class.as_str() == name)?;
        Some(match class {
            Self::TargetReload { .. } => Self::TargetReload { rolled_back },
            Self::TargetVerify { .. } => Self::TargetVerify { rolled_back },
            Self::Config
            | Self::Auth
            | Self::Rejected
            | Self::RateLimited
            | Self::Upstream5xx
            | Self::Network
            | Self::Timeout
            | Self::TargetValidate
            | Self::RollbackFailed
            | Self::Internal => class,
        })
    }

    /// How often the same work is worth another attempt.
    pub fn retry(self) -> Retry {
        match self {
            Self::Config | Self::Auth | Self::Rejected | Self::TargetValidate | Self::RollbackFailed => Retry::Never,
            Self::TargetReload { .. } | Self::Internal => Retry::Once,
            Self::RateLimited | Self::Upstream5xx | Self::Network | Self::Timeout | Self::TargetVerify { .. } => {
                Retry::BackOff
            }
        }
    }

    /// Whether another attempt can help without a person acting first.
    pub fn retryable(self) -> bool {
        self.retry() != Retry::Never
    }

    /// Whether the former state is known to be in place again; `None` where the class says nothing about it.
    pub fn rolled_back(self) -> Option<bool> {
        match self {
            Self::TargetReload { rolled_back } | Self::TargetVerify { rolled_back } => Some(rolled_back),
            Self::TargetValidate => Some(true),
            Self::RollbackFailed => Some(false),
            Self::Config
            | Self::Auth
            | Self::Rejected
            | Self::RateLimited
            | Self::Upstream5xx
            | Self::Network
            | Self::Timeout
            | Self::Internal => None,
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What [`ErrorClass::retry`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Trying again cannot help.
    Never,
    /// Once more, then alert.
    Once,
    /// With capped exponential back-off and jitter, honouring `retry_after`.
    BackOff,
}

/// A failed call to a connector. The message is safe to show, log and store: it is built only through [`sanitise`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{connector} {operation}: {message}")]
pub struct ConnectorError {
    class: ErrorClass,
    connector: &'static str,
    operation: &'static str,
    status: Option<String>,
    message: String,
    retry_after: Option<Duration>,
}

impl ConnectorError {
    /// An error of `connector` (its type id) in `operation` (a verb). `message` names the cause and the remedy.
    pub fn new(class: ErrorClass, connector: &'static str, operation: &'static str, message: impl AsRef<str>) -> Self {
        Self { class, connector, operation, status: None, message: sanitise(message.as_ref()), retry_after: None }
    }

    /// The same with the status or code that the other side answered.
    pub fn with_status(mut self, status: impl AsRef<str>) -> Self {
        self.status = Some(sanitise(status.as_ref()));
        self
    }

    /// The same with the wait that the other side asked for.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Its class.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// The type id of the connector, such as `File`.
    pub fn connector(&self) -> &'static str {
        self.connector
    }

    /// The operation that failed, such as `deploy`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Status or code of the other side, if it answered.
    pub fn status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    /// Cause and remedy; at most [`MESSAGE_MAX`] bytes, without control characters or secrets.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long the other side asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// Longest message kept, in bytes.
pub const MESSAGE_MAX: usize = 2 * 1024;

/// Makes foreign text fit to be shown, logged and stored: private keys and what looks like a credential are replaced,
/// control characters become spaces, the rest is cut at [`MESSAGE_MAX`] bytes.
pub fn sanitise(text: &str) -> String {
    let scrubbed = scrub(text);
    let mut clean = String::with_capacity(scrubbed.len().min(MESSAGE_MAX));
    let mut gap = false;
    for c in scrubbed.chars() {
        if c.is_control() || is_invisible(c) || c == ' ' {
            gap = !clean.is_empty();
            continue;
        }
        if clean.len() + c.len_utf8() + usize::from(gap) + ELLIPSIS.len() > MESSAGE_MAX {
            clean.push_str(ELLIPSIS);
            break;
        }
        if std::mem::take(&mut gap) {
            clean.push(' ');
        }
        clean.push(c);
    }
    clean
}

/// Replaces PEM private keys, values named like a credential and bearer tokens by [`REDACTED`]; keeps line breaks.
///
/// Applied to text whose shape we do not know (output of a command, body of a foreign answer); our own secrets are typed
/// and never reach a message.
pub fn scrub(text: &str) -> String {
    let mut kept = Vec::new();
    let mut in_key = false;
    for line in text.lines() {
        if in_key {
            in_key = !line.contains("-----END ");
            continue;
        }
        if let Some(start) = private_key_start(line) {
            kept.push(format!("{}{REDACTED}", &line[..start]));
            in_key = !line[start..].contains("-----END ");
            continue;
        }
        kept.push(scrub_line(line));
    }
    kept.join("\n")
}

/// What stands in place of a removed secret.
pub const REDACTED: &str = "[redacted]";

const ELLIPSIS: &str = " …";

/// Ends of names whose value is not shown. Lower case, without separators.
const SECRET_NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "credentials",
    "authorization",
    "cookie",
];

fn private_key_start(line: &str) -> Option<usize> {
    let start = line.find("-----BEGIN ")?;
    line[start..].contains("PRIVATE KEY").then_some(start)
}

/// Word by word: a word that ends in a secret's name and `:` or `=` hides its value, wherever the value begins.
fn scrub_line(line: &str) -> String {
    let mut hide_rest_of_line = false;
    let mut hide_next = false;
    let mut words = Vec::new();
    for word in line.split(' ') {
        if hide_rest_of_line {
            break;
        }
        if word.is_empty() {
            words.push(String::new());
        } else if std::mem::take(&mut hide_next) {
            // `Authorization: Bearer x` hides the scheme and everything after it.
            words.push(REDACTED.to_owned());
            hide_rest_of_line = is_scheme(word);
        } else if is_scheme(word) {
            words.push(word.to_owned());
            hide_next = true;
        } else if is_long_opaque(word) {
            words.push(REDACTED.to_owned());
        } else {
            match named_secret(word) {
                Some((name, "")) => {
                    words.push(name.to_owned());
                    hide_next = true;
                }
                Some((name, _)) => words.push(format!("{name}{REDACTED}")),
                None => words.push(word.to_owned()),
            }
        }
    }
    words.join(" ")
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// Splits `db_password=hunter2` into the part up to and with the separator, and the value.
fn named_secret(word: &str) -> Option<(&str, &str)> {
    let separators = word.match_indices([':', '=']);
    for (at, _) in separators {
        let name: String =
            word[..at].chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        if SECRET_NAMES.iter().any(|secret| name.ends_with(secret)) {
            return Some(word.split_at(at + 1));
        }
    }
    None
}

/// A run of base64 as long as a line of a key file (PEM lines are 64). Fingerprints (hexadecimal) and file names (with a
/// dot) are not: they help whoever reads the message.
fn is_long_opaque(word: &str) -> bool {
    const LINE_OF_PEM: usize = 60;
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    word.len() >= LINE_OF_PEM
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b))
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
}

/// Bidirectional controls and zero-width characters: they make a message read other than it is.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{180E}')
}

#[cfg(test)]
mod tests;
