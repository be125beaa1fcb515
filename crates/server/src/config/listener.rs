//! The control listener: where it binds, with which certificate, and how long a shutdown may take.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use certctl_edge::TrustedProxies;
use certctl_pki::San;
use certctl_wire::settings::Reader;

/// The control listener.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Address or name to bind.
    pub host: String,
    /// Port to bind.
    pub port: u16,
    /// Certificate and key to serve with; absent: the server issues its own.
    pub tls: Option<TlsPaths>,
    /// Names in a certificate of our own; empty: those of the machine.
    pub tls_names: Vec<San>,
    /// Accept a key file that others can read.
    pub allow_loose_key_mode: bool,
    /// Largest request body, bytes.
    pub body_bytes_max: usize,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Origins that browsers may call from; `*` for all.
    pub cors_origins: Vec<String>,
    /// Time for a whole shutdown.
    pub shutdown_budget: Duration,
    /// Part of it between reporting not ready and closing the listener.
    pub drain: Duration,
}

/// Certificate chain and private key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPaths {
    /// Chain, leaf first.
    pub certificate: PathBuf,
    /// Key.
    pub key: PathBuf,
}

impl ListenerConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let budget = Duration::from_secs(reader.number("CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS", 1..=600));
        let drain = Duration::from_secs(reader.number("CERTCTL_SHUTDOWN_DRAIN_SECONDS", 0..=600));
        Self {
            host: reader.text("CERTCTL_SERVER_HOST").unwrap_or_default(),
            port: reader.number("CERTCTL_SERVER_PORT", 1..=65_535),
            tls: TlsPaths::read(reader, "CERTCTL_SERVER_TLS_CERT_PATH", "CERTCTL_SERVER_TLS_KEY_PATH"),
            tls_names: tls_names(reader),
            allow_loose_key_mode: reader.flag("CERTCTL_TLS_ALLOW_LOOSE_KEY_MODE"),
            body_bytes_max: reader.number("CERTCTL_MAX_BODY_SIZE", 1_024..=100 << 20),
            trusted_proxies: reader
                .parse("CERTCTL_TRUSTED_PROXIES", |text| text.parse::<TrustedProxies>())
                .unwrap_or_default(),
            cors_origins: cors_origins(reader),
            shutdown_budget: budget,
            drain: drain.min(budget),
        }
    }

    /// Whether only this machine can connect. A name other than `localhost` counts as reachable: it is not resolved here.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.address().is_some_and(|address| address.ip().is_loopback())
    }

    /// The address to bind, where the host is an address or `localhost`.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let host = self.host.trim_matches(['[', ']']);
        let ip = if host == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { host.parse().ok() };
        ip.map(|ip| SocketAddr::new(ip, self.port))
    }
}

impl TlsPaths {
    /// Both paths or none; one alone is a problem.
    pub(super) fn read(reader: &mut Reader, certificate: &str, key: &str) -> Option<Self> {
        match (reader.path(certificate), reader.path(key)) {
            (Some(certificate), Some(key)) => Some(Self { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                reader.problem(format!("{key}: required together with {certificate}"));
                None
            }
            (None, Some(_)) => {
                reader.problem(format!("{certificate}: required together with {key}"));
                None
            }
        }
    }
}

fn tls_names(reader: &mut Reader) -> Vec<San> {
    const NAME: &str = "CERTCTL_SERVER_TLS_NAMES";
    let mut names = Vec::new();
    for text in reader.list(NAME) {
        match San::parse(&text) {
            Ok(name @ (San::Dns(_) | San::Ip(_))) => names.push(name),
            Ok(San::Email(_) | San::Uri(_)) => reader.refuse(NAME, "must be host names or addresses"),
            Err(error) => reader.refuse(NAME, error),
        }
    }
    names
}

fn cors_origins(reader: &mut Reader) -> Vec<String> {
    const NAME: &str = "CERTCTL_CORS_ORIGINS";
    let origins = reader.list(NAME);
    let is_origin = |text: &String| {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        text == "*" || host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@']))
    };
    if !origins.iter().all(is_origin) {
        reader.refuse(NAME, "must be origins such as https://ui.example.com (no path), comma-separated");
    }
    origins
}
