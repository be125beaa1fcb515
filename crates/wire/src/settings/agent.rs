//! What the agent reads, partly together with the command line.

use super::{Area, Program, Setting};

const AGENT: &[Program] = &[Program::Agent];
const CLIENTS: &[Program] = &[Program::Agent, Program::Cli];

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(Area::Agent, "CERTCTL_SERVER_URL", "https://localhost:8443", "The server; https only.")
        .read_by(CLIENTS),
    Setting::secret(
        Area::Agent,
        "CERTCTL_API_KEY",
        "Key that is sent as bearer token. An agent that has enrolled needs none: it keeps its own.",
    )
    .read_by(CLIENTS),
    Setting::new(
        Area::Agent,
        "CERTCTL_SERVER_CA_BUNDLE_PATH",
        "",
        "Certificates that the server's must lead to, PEM. Empty: those of the system.",
    )
    .read_by(CLIENTS),
    Setting::new(
        Area::Agent,
        "CERTCTL_SERVER_TLS_INSECURE_SKIP_VERIFY",
        "false",
        "Talk to a server whose certificate does not verify. For experiments; warns each time.",
    )
    .read_by(CLIENTS),
    Setting::new(
        Area::Agent,
        "CERTCTL_TLS_INSECURE_SKIP_VERIFY",
        "false",
        "Older name of `CERTCTL_SERVER_TLS_INSECURE_SKIP_VERIFY`.",
    )
    .read_by(CLIENTS),
    Setting::new(Area::Agent, "CERTCTL_AGENT_ID", "", "Id of an agent that was created beforehand.").read_by(AGENT),
    Setting::new(Area::Agent, "CERTCTL_AGENT_NAME", "", "Name to enrol under. Empty: the host name.").read_by(AGENT),
    Setting::new(
        Area::Agent,
        "CERTCTL_KEY_DIR",
        "/var/lib/certctl/keys",
        "Directory of private keys, mode 0700: `<certificate id>/<SHA-256 of the public key>.key`.",
    )
    .read_by(AGENT),
    Setting::new(
        Area::Agent,
        "CERTCTL_AGENT_STATE_DIR",
        "/var/lib/certctl/agent",
        "Journal, locks, backups and the agent's identity.",
    )
    .read_by(AGENT),
    Setting::new(
        Area::Agent,
        "CERTCTL_AGENT_POLICY_PATH",
        "/etc/certctl/agent-policy.toml",
        "File that says which paths the agent may write and which commands it may run.",
    )
    .read_by(AGENT),
    Setting::new(
        Area::Agent,
        "CERTCTL_POLL_INTERVAL",
        "30s",
        "How long the agent waits after a question for work failed.",
    )
    .read_by(AGENT),
    Setting::new(Area::Agent, "CERTCTL_HEARTBEAT_INTERVAL", "60s", "How often the agent says that it is alive.")
        .read_by(AGENT),
    Setting::later(Area::Agent, "CERTCTL_AGENT_ALLOWED_COMMANDS", "", "Superseded by the policy file.").read_by(AGENT),
    Setting::later(Area::Agent, "CERTCTL_DISCOVERY_DIRS", "", "Directories searched for certificates.").read_by(AGENT),
    Setting::later(Area::Agent, "CERTCTL_DISCOVERY_INTERVAL", "6h", "How often they are searched.").read_by(AGENT),
];
