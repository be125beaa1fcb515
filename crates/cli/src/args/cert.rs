//! Certificates.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Rows, Waiting};

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum CertVerb {
    /// List certificates
    #[command(
        visible_alias = "ls",
        after_help = "Example:\n  certctl cert list --status Expiring --sort notAfter --all -o name"
    )]
    List(List),
    /// Show one certificate
    Get {
        /// Its id
        id: String,
    },
    /// Create a certificate, and with --issue have it issued
    #[command(after_help = "Examples:\n  \
        certctl cert create --cn www.example.org --owner own_1 --team team_1 --target tgt_1 --issue --wait\n  \
        certctl cert create --cn api.example.org --owner own_1 --team team_1 --csr api.csr --issue -o json")]
    Create(Create),
    /// Have certificates issued, for the first time or anew
    #[command(after_help = "Example:\n  certctl cert renew cert_01J… --wait --timeout 5m")]
    Renew(Renew),
    /// Say why a certificate is as it is, and what happens next
    Why {
        /// Its id
        id: String,
    },
}

/// Which certificates.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Pending, Active, Expiring, Expired, RenewalInProgress, Failed, Revoked or Archived
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Environment
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub(crate) environment: Option<String>,
    /// Owner's id
    #[arg(long, value_name = "ID")]
    pub(crate) owner: Option<String>,
    /// Team's id
    #[arg(long, value_name = "ID")]
    pub(crate) team: Option<String>,
    /// Issuer's id
    #[arg(long, value_name = "ID")]
    pub(crate) issuer: Option<String>,
    /// Profile's id
    #[arg(long, value_name = "ID")]
    pub(crate) profile: Option<String>,
    /// Id of an agent that installs it
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Ends before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_before: Option<String>,
    /// Ends after this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_after: Option<String>,
    /// notAfter, createdAt, updatedAt, commonName, name, status or environment; -FIELD for the greatest first
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    #[command(flatten)]
    pub(crate) rows: Rows,
}

/// What it shall be.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Common name
    #[arg(long = "cn", value_name = "NAME")]
    pub(crate) common_name: String,
    /// Display name; the common name unless given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Id to give it; made up unless given
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Subject alternative name: DNS name, address, mail address or URI; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) san: Vec<String>,
    /// Id of the owner, who is called
    #[arg(long, value_name = "ID")]
    pub(crate) owner: String,
    /// Id of the team; the context's default_team unless given
    #[arg(long, value_name = "ID")]
    pub(crate) team: Option<String>,
    /// Id of the issuer, who signs
    #[arg(long, value_name = "ID", default_value = "iss-local")]
    pub(crate) issuer: String,
    /// Id of the renewal policy
    #[arg(long, value_name = "ID", default_value = "rp-default", visible_alias = "schedule")]
    pub(crate) policy: String,
    /// Id of the profile, which says what may be issued
    #[arg(long, value_name = "ID")]
    pub(crate) profile: Option<String>,
    /// Environment
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub(crate) environment: Option<String>,
    /// Label; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) tag: Vec<(String, String)>,
    /// Id of a target where it is installed; may be repeated
    #[arg(long, value_name = "ID")]
    pub(crate) target: Vec<String>,
    /// PKCS#10 request, PEM, where the key is held outside; - for standard input
    #[arg(long, value_name = "FILE", requires = "issue")]
    pub(crate) csr: Option<PathBuf>,
    /// Have it issued at once
    #[arg(long)]
    pub(crate) issue: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// Which ones, and how.
#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// Their ids
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Also where a renewal is under way: its job is returned
    #[arg(long)]
    pub(crate) force: bool,
    /// PKCS#10 request, PEM, where the key is held outside; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) csr: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    if key.is_empty() { Err("must be KEY=VALUE".to_owned()) } else { Ok((key.to_owned(), value.to_owned())) }
}
