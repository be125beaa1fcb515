//! The demonstration endpoint: a TLS listener on the loopback address that serves whatever pair lies in its directory, and
//! nothing until there is one. It stands for the web server that a certificate is installed in.
//!
//! Its status file holds the process id, the number of loads and the outcome of the last one, and is locked while the
//! process lives. `reload` sends SIGHUP and waits for the next outcome, so that a reload that fails is seen to fail.

mod listen;
mod reload;
mod status;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

/// Serve the pair of a directory, for demonstrations
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoEndpoint {
    #[command(subcommand)]
    command: Option<Command>,
    /// Directory with tls.crt and tls.key
    #[arg(long, value_name = "DIR", required = true)]
    dir: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Stop when this process is no longer the parent
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Make a running endpoint load its pair again, and wait until it has
    Reload {
        /// Status file of the endpoint
        #[arg(long, value_name = "FILE")]
        pid_file: PathBuf,
    },
}

/// Runs the endpoint until it is stopped, or reloads one; returns the exit code.
pub async fn demo_endpoint(args: DemoEndpoint) -> u8 {
    let outcome = match (args.command, args.dir) {
        (Some(Command::Reload { pid_file }), _) => reload::reload(&pid_file).await,
        (None, Some(dir)) => listen::run(&dir, args.port, args.parent).await,
        // The parser requires one of the two.
        (None, None) => Ok(()),
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            crate::say(&format!("demo-endpoint: {error:#}"));
            1
        }
    }
}

/// Whether an endpoint holds this status file and has looked for its pair.
pub(crate) fn is_up(path: &Path) -> bool {
    matches!(status::read(path), Ok(Some(_)))
}

/// Name of the status file within the directory.
pub(crate) const STATUS_NAME: &str = "endpoint.pid";
/// Name of the chain within the directory.
pub(crate) const CERTIFICATE_NAME: &str = "tls.crt";
/// Name of the key within the directory.
pub(crate) const KEY_NAME: &str = "tls.key";

#[cfg(test)]
mod tests;
