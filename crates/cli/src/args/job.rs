//! Jobs.

use clap::Subcommand;

use super::Rows;

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobVerb {
    /// List jobs, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Pending, AwaitingCSR, AwaitingApproval, Running, Completed, Failed or Cancelled
        #[arg(long)]
        status: Option<String>,
        /// Issuance, Renewal, Deployment or TestTarget
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one job
    Get {
        /// Its id
        id: String,
    },
    /// End a job that has not ended
    Cancel {
        /// Its id
        id: String,
    },
}
