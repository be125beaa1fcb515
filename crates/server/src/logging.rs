//! The log: one line per event on standard error, for machines or for people.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

use crate::config::{LogConfig, LogFormat, LogLevel};

/// Starts logging for the whole process.
///
/// # Errors
/// Something else logs already.
pub(crate) fn start(config: LogConfig) -> Result<(), TryInitError> {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let registry = tracing_subscriber::registry().with(filter(config.level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_current_span(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
    }
}

/// Libraries speak at `warn` unless something is being looked for: their chatter is not about certificates. All targets of
/// ours begin with `certctl`.
fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Debug => "info,certctl=debug",
        LogLevel::Info => "warn,certctl=info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    })
}
