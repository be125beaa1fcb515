//! Approvals.

use clap::{Args, Subcommand};

use super::Rows;

/// What to do with requests for a second person.
#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalVerb {
    /// List requests
    #[command(visible_alias = "ls")]
    List {
        /// pending, approved, rejected or expired
        #[arg(long)]
        state: Option<String>,
        /// Certificate's id
        #[arg(long, value_name = "ID")]
        certificate: Option<String>,
        /// Who asked
        #[arg(long, value_name = "ACTOR")]
        requested_by: Option<String>,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one request
    Get {
        /// Its id
        id: String,
    },
    /// Approve a request of somebody else
    Approve(Decide),
    /// Reject a request
    Reject(Decide),
}

/// Which one, and why.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// Its id
    pub(crate) id: String,
    /// Why
    #[arg(long)]
    pub(crate) note: Option<String>,
}
