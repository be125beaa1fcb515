//! What a client is made of.

use std::time::Duration;

use secrecy::SecretString;

use crate::{Error, RetryPolicy};

/// Where the server is, how it is recognised, and who calls.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address of the server, `https://host:port`; a path in front of `/api` may follow.
    pub server: String,
    /// Which authorities may vouch for it.
    pub roots: Roots,
    /// Name its certificate must carry, and that is sent as SNI and `Host`, instead of the one in [`Options::server`].
    pub server_name: Option<String>,
    /// The one certificate or key it must present. With [`Roots::System`] this replaces the check of chain and name, with
    /// [`Roots::Bundle`] both must hold.
    pub pin: Option<Pin>,
    /// Accept any certificate. For experiments only: whoever is in between reads and changes everything.
    pub insecure: bool,
    /// Who calls.
    pub credentials: Credentials,
    /// How long one request may take, in all.
    pub timeout: Duration,
    /// How failures are repeated.
    pub retry: RetryPolicy,
    /// Largest answer that is read, in bytes.
    pub answer_max: usize,
    /// Name and version of the program that calls.
    pub user_agent: String,
}

impl Options {
    /// A server that a public or system-wide authority vouches for, called without a credential.
    #[must_use]
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            roots: Roots::System,
            server_name: None,
            pin: None,
            insecure: false,
            credentials: Credentials::default(),
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            answer_max: 16 * 1024 * 1024,
            user_agent: concat!("certctl/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Which authorities may vouch for the server.
#[derive(Debug, Clone)]
pub enum Roots {
    /// Those of the operating system.
    System,
    /// Those in this text, PEM, and no others.
    Bundle(Vec<u8>),
}

/// Who calls. Both may be given: the certificate for a proxy in front, the key for the server.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Sent as bearer token.
    pub api_key: Option<SecretString>,
    /// Presented in the TLS handshake.
    pub identity: Option<Identity>,
}

impl Credentials {
    /// An API key alone.
    #[must_use]
    pub fn api_key(key: SecretString) -> Self {
        Self { api_key: Some(key), identity: None }
    }

    /// A client certificate alone.
    #[must_use]
    pub fn identity(identity: Identity) -> Self {
        Self { api_key: None, identity: Some(identity) }
    }
}

/// A client certificate with its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate and what leads to its anchor, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM (PKCS#8, SEC 1 or PKCS#1).
    pub key_pem: SecretString,
}

/// SHA-256 of the DER of a certificate, or of its public key (SubjectPublicKeyInfo).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub(crate) [u8; 32]);

impl Pin {
    /// Reads `sha256:` and 64 hex digits; colons between the bytes are allowed.
    ///
    /// # Errors
    /// [`Error::Option`] when it is anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong =
            || Error::option("pin", "must be sha256: and 64 hex digits, as openssl x509 -fingerprint prints them");
        let digits = text.strip_prefix("sha256:").ok_or_else(wrong)?.replace(':', "");
        let bytes = hex::decode(digits).map_err(|_| wrong())?;
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}
