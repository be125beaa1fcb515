//! The log: one line per event on standard error, for machines or for people.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Starts logging for the whole process.
///
/// # Errors
/// Something else logs already.
pub fn start(config: LogConfig) -> Result<(), TryInitError> {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let registry = tracing_subscriber::registry().with(filter(config.level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_current_span(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
    }
}

/// Libraries speak at `warn` unless something is being looked for: their chatter is not about certificates.
fn filter(level: LogLevel) -> EnvFilter {
    let (ours, theirs) = match level {
        LogLevel::Debug => ("debug", "info"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Error => ("error", "error"),
    };
    let ours = OURS.iter().map(|room| format!(",{room}={ours}"));
    EnvFilter::new(ours.fold(theirs.to_owned(), |all, one| all + &one))
}

const OURS: &[&str] = &[
    "certctl_api",
    "certctl_app",
    "certctl_connector",
    "certctl_db",
    "certctl_edge",
    "certctl_issuers",
    "certctl_jobs",
    "certctl_server",
    "certctl_store",
];
