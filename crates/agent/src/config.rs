//! The agent's settings. All of them come from the environment; their table is [`settings`].

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use certctl_client::Roots;
use certctl_wire::settings::{Problem, Program, Reader, Setting};
use secrecy::SecretString;

/// Everything the agent is told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the server, https.
    pub server: String,
    /// Which authorities may vouch for it.
    pub roots: Roots,
    /// Accept any server. For experiments.
    pub insecure: bool,
    /// Journal, locks, backups, identity.
    pub state_dir: PathBuf,
    /// Private keys of certificates.
    pub key_dir: PathBuf,
    /// What may be written and run.
    pub policy_path: PathBuf,
    /// Who this agent is, or how it becomes somebody.
    pub admission: Admission,
    /// Name to enrol under.
    pub name: String,
    /// Host name, as reported.
    pub hostname: String,
    /// Longest wait after a question for work that failed.
    pub poll_interval: Duration,
    /// How often the agent says that it lives.
    pub heartbeat_interval: Duration,
    /// Least severe level that is logged.
    pub log_level: tracing::level_filters::LevelFilter,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Where the agent's credentials come from.
#[derive(Clone, Debug)]
pub enum Admission {
    /// From an earlier enrolment, else by this token.
    Enrol {
        /// Admits the agent the first time; may be absent later.
        token: Option<SecretString>,
    },
    /// Both were given from outside.
    Given {
        /// The agent's id.
        agent_id: String,
        /// Its key.
        api_key: SecretString,
    },
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

impl Config {
    /// Reads the settings from `vars`, the environment. Warnings come in both cases.
    ///
    /// # Errors
    /// Every problem at once, each naming the setting and the remedy.
    pub fn read(vars: impl IntoIterator<Item = (String, String)>) -> (Result<Self, Vec<Problem>>, Vec<String>) {
        let mut reader = Reader::new(Program::Agent, vars, |path| fs::read_to_string(path));
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let insecure = reader.flag("CERTCTL_SERVER_TLS_INSECURE_SKIP_VERIFY");
        let config = Self {
            server: server(&mut reader),
            roots: roots(&mut reader),
            insecure: reader.flag("CERTCTL_TLS_INSECURE_SKIP_VERIFY") || insecure,
            state_dir: absolute(&mut reader, "CERTCTL_AGENT_STATE_DIR"),
            key_dir: absolute(&mut reader, "CERTCTL_KEY_DIR"),
            policy_path: absolute(&mut reader, "CERTCTL_AGENT_POLICY_PATH"),
            admission: admission(&mut reader),
            name: reader.text("CERTCTL_AGENT_NAME").unwrap_or_else(|| hostname.clone()),
            hostname,
            poll_interval: reader.duration("CERTCTL_POLL_INTERVAL", Duration::from_secs(1)),
            heartbeat_interval: reader.duration("CERTCTL_HEARTBEAT_INTERVAL", Duration::from_secs(1)),
            log_level: reader
                .parse("CERTCTL_LOG_LEVEL", log_level)
                .unwrap_or(tracing::level_filters::LevelFilter::INFO),
            log_format: reader.parse("CERTCTL_LOG_FORMAT", log_format).unwrap_or(LogFormat::Json),
        };
        let (problems, warnings) = reader.finish();
        let config = if problems.is_empty() { Ok(config) } else { Err(problems) };
        (config, warnings)
    }
}

/// The settings that the agent reads, for the reference page.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    certctl_wire::settings::settings().filter(|setting| setting.is_read_by(Program::Agent))
}

fn server(reader: &mut Reader) -> String {
    let server = reader.text("CERTCTL_SERVER_URL").unwrap_or_default();
    if !server.starts_with("https://") {
        reader.refuse("CERTCTL_SERVER_URL", "must be https://host:port; the agent speaks nothing else");
    }
    server
}

fn roots(reader: &mut Reader) -> Roots {
    let Some(path) = reader.path("CERTCTL_SERVER_CA_BUNDLE_PATH") else { return Roots::System };
    match fs::read(&path) {
        Ok(pem) => Roots::Bundle(pem),
        Err(error) => {
            reader.refuse("CERTCTL_SERVER_CA_BUNDLE_PATH", format!("cannot be read: {error}"));
            Roots::System
        }
    }
}

fn absolute(reader: &mut Reader, name: &str) -> PathBuf {
    let path = reader.path(name).unwrap_or_default();
    if !path.is_absolute() || path == Path::new("/") {
        reader.refuse(name, "must be an absolute path below /");
    }
    path
}

fn admission(reader: &mut Reader) -> Admission {
    match (reader.text("CERTCTL_AGENT_ID"), reader.secret("CERTCTL_API_KEY")) {
        (Some(agent_id), Some(api_key)) => return Admission::Given { agent_id, api_key },
        (Some(_), None) => {
            let remedy = "needs CERTCTL_API_KEY as well, the key of that agent; or set neither and enrol";
            reader.refuse("CERTCTL_AGENT_ID", remedy);
        }
        (None, Some(_)) => {
            reader.refuse("CERTCTL_API_KEY", "needs CERTCTL_AGENT_ID as well; or set neither and enrol with a token");
        }
        (None, None) => {}
    }
    Admission::Enrol { token: reader.secret("CERTCTL_AGENT_BOOTSTRAP_TOKEN") }
}

fn log_level(text: &str) -> Result<tracing::level_filters::LevelFilter, &'static str> {
    match text {
        "debug" => Ok(tracing::level_filters::LevelFilter::DEBUG),
        "info" => Ok(tracing::level_filters::LevelFilter::INFO),
        "warn" => Ok(tracing::level_filters::LevelFilter::WARN),
        "error" => Ok(tracing::level_filters::LevelFilter::ERROR),
        _ => Err("must be debug, info, warn or error"),
    }
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("must be json or text"),
    }
}

#[cfg(test)]
mod tests;
