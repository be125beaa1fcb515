//! Agents and the tokens that admit them.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Rows, duration};

/// What to do with agents.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentVerb {
    /// List agents
    #[command(visible_alias = "ls")]
    List {
        /// Those that were retired
        #[arg(long)]
        retired: bool,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one agent
    Get {
        /// Its id
        id: String,
    },
    /// Retire an agent: its credentials are dead at once
    #[command(after_help = "Example:\n  certctl agent retire agt_01J… --force --reason 'host was replaced'")]
    Retire(Retire),
    /// Tokens that admit agents
    #[command(subcommand, visible_alias = "enroll-tokens")]
    EnrollToken(TokenVerb),
}

/// Which one, and how.
#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// Its id
    pub(crate) id: String,
    /// Retire its targets with it
    #[arg(long, requires = "reason")]
    pub(crate) force: bool,
    /// Why; needed with --force
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token; it is shown once
    #[command(after_help = "Example:\n  certctl agent enroll-token create --ttl 1h --name-pattern 'web-*'")]
    Create(TokenCreate),
    /// List tokens
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        rows: Rows,
    },
    /// Withdraw a token; agents it admitted stay
    Revoke {
        /// Its id
        id: String,
    },
}

/// What it admits.
#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    /// How long it is valid
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) ttl: Duration,
    /// How often it may be used
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) uses: u32,
    /// Names it admits, * for any run of characters
    #[arg(long, value_name = "PATTERN")]
    pub(crate) name_pattern: Option<String>,
    /// Id of an agent it re-enrols; the old credentials die
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
}
