//! Targets.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Rows, Waiting};

/// What to do with targets.
#[derive(Debug, Subcommand)]
pub(crate) enum TargetVerb {
    /// List targets
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one target
    Get {
        /// Its id
        id: String,
    },
    /// Create a target
    #[command(after_help = "Example:\n  certctl target create --name edge --type File --agent agt_01J… \\\n    \
        --set cert_path=/etc/tls/edge.pem --set key_path=/etc/tls/edge.key \\\n    \
        --set 'reload_command=[\"/usr/sbin/nginx\",\"-s\",\"reload\"]'")]
    Create(TargetCreate),
    /// Change a target; what is not named stays
    Update(TargetUpdate),
    /// Delete a target
    Delete {
        /// Its id
        id: String,
    },
    /// Have the agent look whether a deployment could succeed, without changing anything
    #[command(after_help = "Example:\n  certctl target test tgt_01J… --wait --timeout 1m")]
    Test {
        /// Its id
        id: String,
        #[command(flatten)]
        waiting: Waiting,
    },
}

/// What it shall be.
#[derive(Debug, Args)]
pub(crate) struct TargetCreate {
    /// Name, unique per agent
    #[arg(long)]
    pub(crate) name: String,
    /// Type, such as File
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: String,
    /// Id of the agent that installs there
    #[arg(long, value_name = "ID")]
    pub(crate) agent: String,
    /// Id to give it; made up unless given
    #[arg(long)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What changes.
#[derive(Debug, Args)]
pub(crate) struct TargetUpdate {
    /// Its id
    pub(crate) id: String,
    /// Name, unique per agent
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Id of the agent that installs there
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Switch it on
    #[arg(long, conflicts_with = "disable")]
    pub(crate) enable: bool,
    /// Switch it off
    #[arg(long)]
    pub(crate) disable: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Its settings.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Settings of its type, a JSON object; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
    /// One setting, JSON or plain text; secrets belong into --config-file; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, Value)>,
}

fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))))
}
