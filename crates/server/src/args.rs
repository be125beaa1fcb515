//! The command line of `certctl-server`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::version::VERSION;

/// The control plane of certctl. Settings come from the environment (CERTCTL_*) and an optional TOML file.
#[derive(Debug, Clone, Parser)]
#[command(name = "certctl-server", version = VERSION, disable_help_subcommand = true)]
pub struct Args {
    /// Configuration file; wins over CERTCTL_SERVER_CONFIG
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Migrate the database and exit: 0 done, 1 failed, 3 no database
    #[arg(long, conflicts_with = "check_config")]
    pub migrate_only: bool,
    /// Judge the configuration and exit
    #[arg(long)]
    pub check_config: bool,
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Issue a listener certificate from the local CA into the configured TLS paths, unless a good one is there
    TlsInit,
    /// Look at or change the schema
    #[command(subcommand)]
    Migrate(Migrate),
    /// Examine this server's side: configuration, directory, database, schema, certificate
    Doctor,
    /// Ask the running server whether it is ready; exit 0 or 1
    Healthcheck,
}

/// What to do with the schema.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Migrate {
    /// List what is applied, pending, changed and unknown
    Status,
    /// Apply what is pending
    Up,
    /// Undo every migration above a version; dropped data does not come back
    Down {
        /// Version to keep as the newest
        #[arg(long, value_name = "N")]
        to: i64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_flag_is_a_usage_error() {
        let error = Args::try_parse_from(["certctl-server", "--migrate-onyl"]).expect_err("refused");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn every_documented_form_is_understood() {
        for line in [
            "--migrate-only",
            "--check-config --config /etc/c.toml",
            "tls-init",
            "migrate status",
            "migrate up --config x",
            "migrate down --to 3",
            "doctor",
            "healthcheck",
        ] {
            let words = std::iter::once("certctl-server").chain(line.split(' '));
            assert!(Args::try_parse_from(words).is_ok(), "{line}");
        }
    }
}
