//! What must hold before the server starts, in one place. Each gate notes its finding and the next one is judged all the
//! same, so that an operator repairs a configuration in one go.

use certctl_pki::Timestamp;
use certctl_wire::settings::Reader;
use secrecy::{ExposeSecret, SecretString};

use super::{Config, Purpose};

/// Judges the whole configuration.
pub(super) fn check(config: &Config, reader: &mut Reader, purpose: Purpose, now: Timestamp) {
    check_database(config, reader);
    check_encryption_key(config, reader);
    check_tls(config, reader, purpose, now);
    check_rate_limits(config, reader);
    check_administrator(config, reader, purpose);
    check_agents(config, reader);
    check_demo(config, reader, now);
    check_placeholders(config, reader);
    check_drain(config, reader);
}

/// Judges what a migration needs.
pub(super) fn check_database(config: &Config, reader: &mut Reader) {
    let urls = [("CERTCTL_DATABASE_URL", Some(&config.database.url))];
    let direct = [("CERTCTL_DATABASE_MIGRATION_URL", config.database.migration_url.as_ref())];
    for (name, url) in urls.into_iter().chain(direct) {
        let Some(url) = url else { continue };
        let host = url.host().unwrap_or_default();
        if !url.is_plaintext() || is_near(&host) {
            continue;
        }
        if config.database.allow_plaintext {
            reader.warn(format!("{name}: the connection to {host} is not encrypted (sslmode=disable)"));
        } else {
            reader.problem(format!(
                "{name}: sslmode=disable to {host} sends passwords and data in the clear; use sslmode=verify-full, or accept it with CERTCTL_DATABASE_ALLOW_PLAINTEXT=true"
            ));
        }
    }
    if config.database.is_sqlite() && config.database.migration_url.is_some() {
        reader.problem("CERTCTL_DATABASE_MIGRATION_URL: needs a PostgreSQL CERTCTL_DATABASE_URL");
    }
}

/// Hosts that a plain connection may go to: this machine, or the same cluster.
fn is_near(host: &str) -> bool {
    let named = ["", "localhost", "127.0.0.1", "::1", "[::1]", "postgres", "certctl-postgres"].contains(&host);
    // A path is a Unix socket.
    named || host.ends_with(".svc.cluster.local") || host.starts_with('/')
}

fn check_encryption_key(config: &Config, reader: &mut Reader) {
    const NAME: &str = "CERTCTL_CONFIG_ENCRYPTION_KEY";
    match &config.auth.encryption_key {
        Some(key) if key.expose_secret().len() < ENCRYPTION_KEY_BYTES => reader.refuse(
            NAME,
            format!("is shorter than {ENCRYPTION_KEY_BYTES} bytes; make one with: openssl rand -base64 32"),
        ),
        Some(_) => {}
        None if config.database.is_sqlite() => {}
        None => reader.problem(format!(
            "{NAME}: required with PostgreSQL, because all replicas must share it; make one with: openssl rand -base64 32"
        )),
    }
}

fn check_tls(config: &Config, reader: &mut Reader, purpose: Purpose, now: Timestamp) {
    if config.listener.host.is_empty() {
        reader.problem("CERTCTL_SERVER_HOST: must not be empty");
    }
    if let Some(ca) = &config.ca {
        for (name, path) in [("CERTCTL_CA_CERT_PATH", &ca.certificate), ("CERTCTL_CA_KEY_PATH", &ca.key)] {
            if let Err(error) = std::fs::File::open(path) {
                reader.problem(format!("{name}: the file {} cannot be read: {error}", path.display()));
            }
        }
    }
    match (&config.listener.tls, purpose) {
        (None, Purpose::Serve) if !config.database.is_sqlite() => {
            let unset = |name| !reader.is_set(name);
            let names = ["CERTCTL_SERVER_TLS_CERT_PATH", "CERTCTL_SERVER_TLS_KEY_PATH"];
            // One of the two alone was noted when they were read.
            if names.into_iter().all(unset) {
                reader.problem(
                    "CERTCTL_SERVER_TLS_CERT_PATH, CERTCTL_SERVER_TLS_KEY_PATH: required with PostgreSQL, because replicas must serve the same certificate; certctl-server tls-init makes a pair",
                );
            }
        }
        (None, Purpose::Serve | Purpose::Migrate | Purpose::TlsInit)
        | (Some(_), Purpose::Migrate | Purpose::TlsInit) => {}
        (Some(paths), Purpose::Serve) => {
            if let Err(findings) = crate::listener::pair::check(paths, config.listener.allow_loose_key_mode, now) {
                for finding in findings {
                    reader.problem(finding);
                }
            }
        }
    }
}

fn check_rate_limits(config: &Config, reader: &mut Reader) {
    const NAME: &str = "CERTCTL_RATE_LIMIT_BACKEND";
    match reader.text(NAME).unwrap_or_default().as_str() {
        "memory" => {}
        "postgres" if config.database.is_sqlite() => reader.refuse(NAME, "needs PostgreSQL; use memory"),
        "postgres" => reader.refuse(NAME, "is not part of this version; use memory, each replica then counts its own"),
        _ => reader.refuse(NAME, "must be memory"),
    }
}

/// Somebody must be able to become administrator. With an embedded database the server itself writes a bootstrap token.
fn check_administrator(config: &Config, reader: &mut Reader, purpose: Purpose) {
    let auth = &config.auth;
    let none = auth.named_keys.is_empty() && auth.legacy_keys.is_empty() && auth.bootstrap_token.is_none();
    if purpose == Purpose::Serve && none && !config.database.is_sqlite() {
        reader.problem(
            "CERTCTL_BOOTSTRAP_TOKEN: with PostgreSQL an administrator needs a way in: set it, or CERTCTL_API_KEYS_NAMED with an entry name:key:admin",
        );
    }
    if let Some(token) = &auth.bootstrap_token
        && token.expose_secret().len() < BOOTSTRAP_TOKEN_BYTES
    {
        let advice = "make one with: openssl rand -hex 32";
        reader
            .refuse("CERTCTL_BOOTSTRAP_TOKEN", format!("is shorter than {BOOTSTRAP_TOKEN_BYTES} characters; {advice}"));
    }
}

fn check_agents(config: &Config, reader: &mut Reader) {
    let auth = &config.auth;
    if !auth.agent_bootstrap_deny_empty && !auth.demo {
        reader.problem(
            "CERTCTL_AGENT_BOOTSTRAP_TOKEN_DENY_EMPTY: false would open registration to everyone, which does not exist; remove it and enrol agents with tokens (certctl agent enroll-token create)",
        );
    }
    if auth.agent_reenroll && auth.agent_bootstrap_tokens.is_empty() {
        reader.warn("CERTCTL_AGENT_REENROLL has no effect without CERTCTL_AGENT_BOOTSTRAP_TOKEN");
    }
}

fn check_demo(config: &Config, reader: &mut Reader, now: Timestamp) {
    if !config.auth.demo {
        return;
    }
    const NAME: &str = "CERTCTL_DEMO_MODE_ACK_TS";
    let now = now.unix_micros() / 1_000_000;
    match config.auth.demo_since {
        None if reader.is_set(NAME) => {}
        None => reader.problem(format!("{NAME}: required with CERTCTL_DEMO_MODE_ACK=true; set it to $(date +%s)")),
        Some(since) if now - since > DEMO_SECONDS => {
            reader.refuse(NAME, "is more than 24 hours ago; a demonstration is acknowledged for a day at a time");
        }
        Some(since) if since - now > DEMO_SKEW_SECONDS => reader.refuse(NAME, "lies in the future"),
        Some(_) => {}
    }
}

/// Values that examples use. Everyone knows them.
fn check_placeholders(config: &Config, reader: &mut Reader) {
    if config.auth.demo {
        return;
    }
    let is = |secret: &SecretString, word: &str| secret.expose_secret() == word;
    if config.auth.legacy_keys.iter().any(|key| is(key, "change-me-in-production")) {
        reader.refuse("CERTCTL_AUTH_SECRET", "is the placeholder of the examples; make a key of your own");
    }
    if config.auth.encryption_key.as_ref().is_some_and(|key| is(key, "change-me-32-char-encryption-key")) {
        let advice = "make one with: openssl rand -base64 32";
        reader.refuse("CERTCTL_CONFIG_ENCRYPTION_KEY", format!("is the placeholder of the examples; {advice}"));
    }
    if config.listener.cors_origins.iter().any(|origin| origin == "*") {
        reader.refuse("CERTCTL_CORS_ORIGINS", "lets every web page call this server; list the origins");
    }
}

fn check_drain(config: &Config, reader: &mut Reader) {
    if reader.is_set("CERTCTL_SHUTDOWN_DRAIN_SECONDS") && config.listener.drain >= config.listener.shutdown_budget {
        reader.problem("CERTCTL_SHUTDOWN_DRAIN_SECONDS: must be less than CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS");
    }
}

const ENCRYPTION_KEY_BYTES: usize = 32;
const BOOTSTRAP_TOKEN_BYTES: usize = 16;
const DEMO_SECONDS: i64 = 24 * 3_600;
const DEMO_SKEW_SECONDS: i64 = 60;
