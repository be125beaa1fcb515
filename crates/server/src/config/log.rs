//! What is logged and how.

use certctl_wire::settings::Reader;

/// The log, on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// From which weight on.
    pub level: LogLevel,
    /// For machines or for people.
    pub format: LogFormat,
}

/// Weight of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What may need attention.
    Warn,
    /// What does.
    Error,
}

/// Form of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// One line of text.
    Text,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let level = reader.parse("CERTCTL_LOG_LEVEL", |word| match word {
            "debug" => Ok(LogLevel::Debug),
            "info" => Ok(LogLevel::Info),
            "warn" => Ok(LogLevel::Warn),
            "error" => Ok(LogLevel::Error),
            _ => Err("must be debug, info, warn or error"),
        });
        let format = reader.parse("CERTCTL_LOG_FORMAT", |word| match word {
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            _ => Err("must be json or text"),
        });
        Self { level: level.unwrap_or(LogLevel::Info), format: format.unwrap_or(LogFormat::Json) }
    }
}
