//! The fields of a `File` target.

use certctl_connector::{
    ConfigSchema,
    schema::{Default, Field, Kind},
};

/// Schema of the `File` target; the only place of its defaults.
pub const SCHEMA: ConfigSchema = ConfigSchema { connector: super::KIND, fields: FIELDS };

const FIELDS: &[Field] = &[
    Field::required("cert_path", Kind::Path, "File for the certificate. Its directory must exist."),
    Field::optional(
        "cert_content",
        Kind::Choice(&["fullchain", "leaf", "key_fullchain"]),
        "What cert_path holds: leaf and chain, the leaf alone, or key, leaf and chain.",
    )
    .or(Default::Text("fullchain")),
    Field::optional("cert_mode", Kind::Mode, "Permission of cert_path. Unset: that of the present file, else 0644."),
    Field::optional("cert_owner", Kind::Text, "Owner of cert_path, name or number. Unset: that of the present file."),
    Field::optional("cert_group", Kind::Text, "Group of cert_path, name or number. Unset: that of the present file."),
    Field::optional("key_path", Kind::Path, "File for the private key."),
    Field::optional("key_mode", Kind::Mode, "Permission of key_path. Unset: that of the present file, else 0600."),
    Field::optional("key_owner", Kind::Text, "Owner of key_path, name or number. Unset: that of the present file."),
    Field::optional("key_group", Kind::Text, "Group of key_path, name or number. Unset: that of the present file."),
    Field::optional("chain_path", Kind::Path, "File for the chain alone, without the leaf."),
    Field::optional("chain_mode", Kind::Mode, "Permission of chain_path. Unset: that of the present file, else 0644."),
    Field::optional("chain_owner", Kind::Text, "Owner of chain_path, name or number. Unset: that of the present file."),
    Field::optional("chain_group", Kind::Text, "Group of chain_path, name or number. Unset: that of the present file."),
    Field::optional("adopt", Kind::Boolean, "Replace a present file that is not PEM and was not made by certctl.")
        .or(Default::Boolean(false)),
    Field::optional(
        "validate_command",
        Kind::Command,
        "Run on the new files before the reload, such as a syntax check.",
    ),
    Field::optional("reload_command", Kind::Command, "Makes the service load the new files."),
    Field::optional("post_deploy_verify", Kind::Object(VERIFY), "The handshake that proves the deployment."),
];

const VERIFY: &[Field] = &[
    Field::optional("enabled", Kind::Boolean, "Whether to look at all.").or(Default::Boolean(true)),
    Field::optional("endpoint", Kind::HostPort, "Where the service listens. Loopback is allowed."),
    Field::optional("server_name", Kind::Text, "Name to ask for (SNI). Unset: the first DNS name of the certificate."),
    Field::optional("timeout", Kind::Duration, "For one handshake.").or(Default::Text("10s")),
    Field::optional("attempts", Kind::Integer(1, 100), "Handshakes that may fail before the deployment is undone.")
        .or(Default::Integer(8)),
    Field::optional(
        "backoff",
        Kind::Duration,
        "Wait after the first failed handshake, doubled after each further one.",
    )
    .or(Default::Text("100ms")),
    Field::optional("max_backoff", Kind::Duration, "Longest wait between two handshakes.").or(Default::Text("16s")),
    Field::optional(
        "required_successes",
        Kind::Integer(1, 100),
        "Right answers in a row; more than one for services with several processes.",
    )
    .or(Default::Integer(2)),
];
