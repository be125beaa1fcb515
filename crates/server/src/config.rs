//! Every setting of the server, read once at start from the environment and an optional TOML file, one typed value per area.
//!
//! **Invariant:** everything that is wrong is found before anything is done, and all of it is reported at once ([`Refused`]).

mod auth;
mod database;
mod file;
mod gates;
mod limits;
mod listener;
mod log;
mod scheduler;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use certctl_edge::limit::RateConfig;
use certctl_pki::Timestamp;
use certctl_wire::settings::{Problem, Program, Reader, SERVER_CONFIG};

pub use auth::AuthConfig;
pub use database::DatabaseConfig;
pub use listener::{ListenerConfig, TlsPaths};
pub use log::{LogConfig, LogFormat, LogLevel};
pub use scheduler::SchedulerConfig;

/// The configuration of one start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Home of the embedded database, the generated keys and the bootstrap token.
    pub data_dir: PathBuf,
    /// The control listener.
    pub listener: ListenerConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Where the data is.
    pub database: DatabaseConfig,
    /// Keys and tokens.
    pub auth: AuthConfig,
    /// How much anyone may ask for.
    pub limits: RateConfig,
    /// Background work.
    pub scheduler: SchedulerConfig,
    /// Chain and key of a CA that the local issuer signs with; absent: it makes its own.
    pub ca: Option<TlsPaths>,
    /// What an operator should know, and that stops nothing.
    pub warnings: Vec<String>,
    /// Values that somebody set, secrets left out; for the log.
    pub set: Vec<(&'static str, String)>,
}

/// What a start is for: it decides what must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Serving requests.
    Serve,
    /// Migrating the database: nothing but the database must be configured.
    Migrate,
    /// Issuing the listener's certificate for somebody else to serve with.
    TlsInit,
}

/// Every reason why the configuration is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub struct Refused(pub Vec<Problem>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "problem" } else { "problems" };
        write!(f, "the configuration is refused, {} {plural}:", self.0.len())?;
        for problem in &self.0 {
            write!(f, "\n  - {problem}")?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads and judges the configuration. `vars` is the environment; `config_file` is what `--config` names and wins over
    /// the variable of the same meaning; `now` judges how old an acknowledgement is.
    ///
    /// # Errors
    /// [`Refused`] with everything that is wrong.
    pub fn load(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
        config_file: Option<PathBuf>,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let (vars, unreadable) = texts(vars);
        let state_dir = vars.iter().find(|(name, _)| name == "STATE_DIRECTORY").map(|(_, value)| value.clone());
        let mut reader = Reader::new(Program::Server, vars, |path| std::fs::read_to_string(path));
        for name in unreadable {
            reader.problem(format!("{name}: the value is not UTF-8"));
        }
        if let Some(path) = config_file.or_else(|| reader.path(SERVER_CONFIG)) {
            file::add(&mut reader, &path);
        }
        let mut config = Self::read(&mut reader, state_dir);
        match purpose {
            Purpose::Serve | Purpose::TlsInit => gates::check(&config, &mut reader, purpose, now),
            Purpose::Migrate => gates::check_database(&config, &mut reader),
        }
        config.set = reader.overview(Program::Server);
        let (problems, warnings) = reader.finish();
        config.warnings = warnings;
        let problems: Vec<Problem> = match purpose {
            Purpose::Serve | Purpose::TlsInit => problems,
            Purpose::Migrate => problems.into_iter().filter(|problem| concerns_migration(&problem.0)).collect(),
        };
        if problems.is_empty() { Ok(config) } else { Err(Refused(problems)) }
    }

    fn read(reader: &mut Reader, state_dir: Option<String>) -> Self {
        let given = reader.is_set("CERTCTL_DATA_DIR");
        // systemd lists several directories with colons; the first is ours.
        let state_dir = state_dir.and_then(|list| list.split(':').next().map(PathBuf::from));
        let data_dir = reader.path("CERTCTL_DATA_DIR").filter(|_| given).or(state_dir);
        let data_dir = data_dir.or_else(|| reader.path("CERTCTL_DATA_DIR")).unwrap_or_default();
        Self {
            database: DatabaseConfig::read(reader, &data_dir),
            data_dir,
            listener: ListenerConfig::read(reader),
            log: LogConfig::read(reader),
            auth: AuthConfig::read(reader),
            limits: limits::read(reader),
            scheduler: SchedulerConfig::read(reader),
            ca: TlsPaths::read(reader, "CERTCTL_CA_CERT_PATH", "CERTCTL_CA_KEY_PATH"),
            warnings: Vec::new(),
            set: Vec::new(),
        }
    }
}

/// A migrating process is given the database and little else: what is wrong with the rest is the server's to say.
fn concerns_migration(problem: &str) -> bool {
    [
        "CERTCTL_DATABASE_",
        "CERTCTL_MIGRATIONS_",
        "CERTCTL_LOG_",
        "CERTCTL_DATA_DIR",
        "POSTGRES_",
        "--config",
        SERVER_CONFIG,
    ]
    .iter()
    .any(|name| problem.starts_with(name))
}

fn texts(vars: impl IntoIterator<Item = (OsString, OsString)>) -> (Vec<(String, String)>, Vec<String>) {
    let (mut texts, mut unreadable) = (Vec::new(), Vec::new());
    for (name, value) in vars {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => texts.push((name, value)),
            Err(_) if certctl_wire::settings::is_known(&name) => unreadable.push(name),
            Err(_) => {}
        }
    }
    (texts, unreadable)
}

#[cfg(test)]
mod tests;
