//! The grammar: `certctl NOUN VERB`, nouns singular with a plural alias, global flags anywhere.

mod agent;
mod approval;
mod cert;
mod job;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;

pub(crate) use agent::{AgentVerb, Retire, TokenCreate, TokenVerb};
pub(crate) use approval::{ApprovalVerb, Decide};
pub(crate) use cert::{CertVerb, Create, Renew};
pub(crate) use job::JobVerb;
pub(crate) use target::{TargetCreate, TargetUpdate, TargetVerb};

/// Keep every TLS certificate served, deployed and renewed.
#[derive(Debug, Parser)]
#[command(
    name = "certctl",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Examples:\n  certctl login --server https://certctl.example:8443 --ca-bundle ca.pem --api-key-file key\n  \
                  certctl cert list --status Expiring\n  certctl cert why cert_01J…\n\n\
                  Exit codes: certctl help exit-codes"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// Flags that every command knows.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// How output is written: for the eye, as the API's objects, or ids alone
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Print no progress and no footers
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Context of the configuration file [env: CERTCTL_CONTEXT]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Configuration file [env: CERTCTL_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Server, https only [env: CERTCTL_SERVER_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the API key [env: CERTCTL_API_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["api_key_stdin", "api_key"])]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Read the API key from standard input
    #[arg(long, global = true, conflicts_with = "api_key")]
    pub(crate) api_key_stdin: bool,
    /// The API key itself; others may see it in process lists [env: CERTCTL_API_KEY]
    #[arg(long, global = true, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// Authorities that may vouch for the server, PEM [env: CERTCTL_SERVER_CA_BUNDLE_PATH]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Client certificate, PEM [env: CERTCTL_CLIENT_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Key of the client certificate, PEM [env: CERTCTL_CLIENT_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Name the server's certificate must carry, if not the one in its address
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// SHA-256 of the server's certificate or public key; without a CA bundle it replaces chain and name
    #[arg(long, global = true, value_name = "sha256:HEX")]
    pub(crate) pin: Option<String>,
    /// Accept any server certificate; refused with CERTCTL_FORBID_INSECURE=1
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    /// How long one request may take [env: CERTCTL_TIMEOUT] [default: 30s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) request_timeout: Option<Duration>,
}

/// How output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Table,
    Json,
    Name,
}

/// What it is about.
#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Check an API key and remember server and key as a context
    #[command(
        after_help = "Examples:\n  certctl login --server https://certctl.example:8443 --ca-bundle ca.pem --api-key-file key\n  \
                            certctl login --context lab --api-key-stdin < key"
    )]
    Login,
    /// Certificates
    #[command(subcommand, visible_alias = "certs")]
    Cert(CertVerb),
    /// Agents and the tokens that admit them
    #[command(subcommand, visible_alias = "agents")]
    Agent(AgentVerb),
    /// Places where certificates are installed
    #[command(subcommand, visible_alias = "targets")]
    Target(TargetVerb),
    /// Work under way and done
    #[command(subcommand, visible_alias = "jobs")]
    Job(JobVerb),
    /// What waits for a second person
    #[command(subcommand, visible_alias = "approvals")]
    Approval(ApprovalVerb),
    /// Start a server, an agent and a TLS endpoint here, and keep a certificate served
    #[cfg(feature = "quickstart")]
    #[command(
        after_help = "Examples:\n  certctl quickstart\n  certctl quickstart --once --port 0 --data-dir /tmp/certctl"
    )]
    Quickstart(certctl_quickstart::Quickstart),
    /// Serve the pair of a directory, for demonstrations
    #[cfg(feature = "quickstart")]
    #[command(hide = true)]
    DemoEndpoint(certctl_quickstart::DemoEndpoint),
    /// Look at the configuration and at each layer of the way to the server
    Doctor,
    /// Versions of this program and of the server
    Version,
    /// Help on a command, or on a topic: exit-codes
    Help {
        /// Words of the command, or the topic
        topic: Vec<String>,
    },
}

impl Noun {
    /// Whether it runs processes here and stops them itself when a signal comes.
    pub(crate) fn minds_signals(&self) -> bool {
        #[cfg(feature = "quickstart")]
        if matches!(self, Self::Quickstart(_) | Self::DemoEndpoint(_)) {
            return true;
        }
        false
    }
}

/// Which rows of a collection.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rows {
    /// Most rows to show
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Show every row
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

/// Whether to stay until the work is done.
#[derive(Debug, Clone, Args)]
pub(crate) struct Waiting {
    /// Wait until the work is done; a deployment, until a handshake has proved it
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration, requires = "wait")]
    pub(crate) timeout: Duration,
}

/// Reads `90s`, `10m`, `1h30m`, `2d`.
fn duration(text: &str) -> Result<Duration, String> {
    certctl_wire::settings::duration(text).map_err(str::to_owned)
}
