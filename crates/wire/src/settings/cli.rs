//! What the command line reads besides the settings it shares with the agent.

use super::{Area, Program, Setting};

const CLI: &[Program] = &[Program::Cli];

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        Area::Cli,
        "CERTCTL_CONFIG",
        "",
        "Configuration file with contexts. Empty: `$XDG_CONFIG_HOME/certctl/config.toml`, else `~/.config/certctl/config.toml`.",
    )
    .read_by(CLI),
    Setting::new(Area::Cli, "CERTCTL_CONTEXT", "", "Context to use instead of the file's `current_context`.").read_by(CLI),
    Setting::new(Area::Cli, "CERTCTL_OUTPUT", "table", "Output format: `table`, `json` or `name`.").read_by(CLI),
    Setting::new(Area::Cli, "CERTCTL_CLIENT_CERT", "", "Client certificate for TLS, PEM.").read_by(CLI),
    Setting::new(Area::Cli, "CERTCTL_CLIENT_KEY", "", "Private key of the client certificate, PEM.").read_by(CLI),
    Setting::new(Area::Cli, "CERTCTL_TIMEOUT", "30s", "How long one request may take.").read_by(CLI),
    Setting::new(Area::Cli, "CERTCTL_NO_INPUT", "false", "Never ask; fail where a confirmation would be needed.").read_by(CLI),
    Setting::new(
        Area::Cli,
        "CERTCTL_FORBID_INSECURE",
        "false",
        "Refuse `--insecure` and its variables.",
    )
    .read_by(CLI),
    Setting::later(Area::Cli, "CERTCTL_PAGER", "", "Program that shows long output.").read_by(CLI),
];
