//! The names that configure the programs: a contract between server, agent and command line, as paths and fields are.
//!
//! One row per name, whether its feature exists or not: a program refuses a name that promises something it cannot keep,
//! warns about one that nobody knows, and is silent about one that belongs to another program. Start at [`SETTINGS`];
//! [`Reader`] takes values from the environment and from a file; [`reference`] prints the page of all names.

mod agent;
mod cli;
mod core;
mod database;
mod later;
mod later_outside;
mod parse;
mod reader;
mod reference;

pub use parse::{duration, duration_text, flag};
pub use reader::{Given, Origin, Problem, Reader};
pub use reference::reference;

/// A program that reads settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `certctl-server`.
    Server,
    /// `certctl-agent`.
    Agent,
    /// `certctl`.
    Cli,
}

impl Program {
    /// Name of the executable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "certctl-server",
            Self::Agent => "certctl-agent",
            Self::Cli => "certctl",
        }
    }
}

/// One name of the environment.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The variable. `<NAME>` in it stands for any word of the operator's choice.
    pub name: &'static str,
    /// What holds when it is not set; empty where nothing does.
    pub default: &'static str,
    /// What it does, with unit and range.
    pub meaning: &'static str,
    /// Heading in the reference.
    pub area: Area,
    /// Who reads it.
    pub programs: &'static [Program],
    /// Whether its feature is part of this version.
    pub exists: bool,
    /// Whether the value must never be shown. Such a name also exists with `_FILE` appended, naming a file with the value.
    pub secret: bool,
}

/// A group of settings; also the section of the server's configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Addresses, TLS, limits, shutdown.
    Server,
    /// What is logged and how.
    Log,
    /// Connection and migrations.
    Database,
    /// Who may do what.
    Auth,
    /// How much anyone may ask for.
    RateLimit,
    /// Background work.
    Scheduler,
    /// Certificate authorities and other issuers.
    Issuers,
    /// ACME, SCEP, EST, CRL and OCSP.
    Protocols,
    /// Notifications and discovery.
    Notifiers,
    /// The agent.
    Agent,
    /// The command line.
    Cli,
}

impl Area {
    /// Every area, in the order of the reference.
    pub const ALL: &'static [Self] = &[
        Self::Server,
        Self::Log,
        Self::Database,
        Self::Auth,
        Self::RateLimit,
        Self::Scheduler,
        Self::Issuers,
        Self::Protocols,
        Self::Notifiers,
        Self::Agent,
        Self::Cli,
    ];

    /// Section of the server's configuration file.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Log => "log",
            Self::Database => "database",
            Self::Auth => "auth",
            Self::RateLimit => "rate_limit",
            Self::Scheduler => "scheduler",
            Self::Issuers => "issuers",
            Self::Protocols => "protocols",
            Self::Notifiers => "notifiers",
            Self::Agent => "agent",
            Self::Cli => "cli",
        }
    }
}

impl Setting {
    const fn new(area: Area, name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self { name, default, meaning, area, programs: &[Program::Server], exists: true, secret: false }
    }

    const fn secret(area: Area, name: &'static str, meaning: &'static str) -> Self {
        Self { secret: true, ..Self::new(area, name, "", meaning) }
    }

    const fn later(area: Area, name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self { exists: false, ..Self::new(area, name, default, meaning) }
    }

    const fn read_by(self, programs: &'static [Program]) -> Self {
        Self { programs, ..self }
    }

    const fn hidden(self) -> Self {
        Self { secret: true, ..self }
    }

    /// Key in the server's configuration file, such as `server.port`; `None` for names that only the environment can give.
    /// A setting of a later version has one too.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        let ours = self.programs.contains(&Program::Server) && self.name != SERVER_CONFIG;
        let rest = self.name.strip_prefix(PREFIX).filter(|_| ours)?.to_ascii_lowercase();
        let section = self.area.section();
        let rest = rest.strip_prefix(section).and_then(|rest| rest.strip_prefix('_')).unwrap_or(&rest);
        Some(format!("{section}.{rest}"))
    }

    /// Whether this row is the one for `name`.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        match self.name.split_once("<NAME>") {
            None => self.name == name,
            Some((before, after)) => name
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(|middle| !middle.is_empty()),
        }
    }

    /// Whether `program` reads it.
    #[must_use]
    pub fn is_read_by(&self, program: Program) -> bool {
        self.programs.contains(&program)
    }
}

/// All names, in the order of the reference.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().copied().flatten()
}

/// The row of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.is(name))
}

/// Whether a name means something to any program: a row, or a secret's row with `_FILE`.
#[must_use]
pub fn is_known(name: &str) -> bool {
    find(name).is_some() || file_of(name).is_some()
}

/// The secret whose value the file named by `name` holds.
#[must_use]
pub fn file_of(name: &str) -> Option<&'static Setting> {
    name.strip_suffix(FILE_SUFFIX).and_then(find).filter(|setting| setting.secret)
}

/// The known name that is spelled most like `name`, if any is close.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(name, settings().map(|setting| setting.name))
}

/// The candidate that is spelled most like `word`, if any is close.
pub fn nearest_of<T: AsRef<str>>(word: &str, candidates: impl IntoIterator<Item = T>) -> Option<T> {
    let near = |candidate: &T| strsim::jaro_winkler(word, candidate.as_ref());
    let best = candidates.into_iter().map(|each| (near(&each), each)).max_by(|one, two| one.0.total_cmp(&two.0));
    best.filter(|(score, _)| *score >= CLOSE).map(|(_, candidate)| candidate)
}

/// What every name of ours begins with.
pub const PREFIX: &str = "CERTCTL_";
/// Appended to the name of a secret: the value is the path of a file that holds it.
pub const FILE_SUFFIX: &str = "_FILE";
/// Names the server's configuration file.
pub const SERVER_CONFIG: &str = "CERTCTL_SERVER_CONFIG";

/// All names by group; [`settings`] walks them.
pub const SETTINGS: &[&[Setting]] =
    &[core::SETTINGS, database::SETTINGS, later::SETTINGS, later_outside::SETTINGS, agent::SETTINGS, cli::SETTINGS];

/// Similarity from which a spelling is offered.
const CLOSE: f64 = 0.88;

#[cfg(test)]
mod tests;
