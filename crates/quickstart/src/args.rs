//! The command line of `certctl quickstart`.

use std::path::PathBuf;

use clap::Args;

/// Start a server, an agent and a TLS endpoint here, and keep a certificate served
#[derive(Debug, Clone, Args)]
pub struct Quickstart {
    /// Where everything is kept; made when missing
    #[arg(long, value_name = "DIR", default_value = "./certctl-data")]
    pub data_dir: PathBuf,
    /// Port of the server on 127.0.0.1; 0 for any free one; kept for later starts [default of the first start: 8443]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Print a JSON summary on standard output as soon as the certificate is served, then stop everything
    #[arg(long)]
    pub once: bool,
    /// Keep everything running that long after the summary
    #[arg(long, value_name = "SECONDS", requires = "once")]
    pub hold: Option<u64>,
}
