//! Issuers: who signs. An issuer is a configured connector; a CA is a key with its certificate.

use certctl_pki::Timestamp;

use crate::ids::{CaId, IssuerId};

/// A configured issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its id.
    pub id: IssuerId,
    /// Unique name.
    pub name: String,
    /// Its type, such as `GenericCA`.
    pub kind: String,
    /// The configuration without secrets, canonical JSON.
    pub config: String,
    /// The secret fields, sealed.
    pub sealed_config: Option<Vec<u8>>,
    /// An issuer that is switched off signs nothing.
    pub enabled: bool,
    /// Made by the product for itself: neither listed nor selectable.
    pub internal: bool,
    /// `database` or `env`.
    pub source: String,
    /// `untested`, `success` or `failed`.
    pub test_status: String,
    /// When it was last tested.
    pub last_tested_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub revision: i64,
}

/// The type id of the local CA.
pub const LOCAL_CA: &str = "GenericCA";

/// The issuer type a user may name, in its canonical spelling; aliases are accepted in any case.
#[must_use]
pub fn canonical_kind(text: &str) -> Option<&'static str> {
    matches!(text.to_ascii_lowercase().as_str(), "local" | "local_ca" | "genericca").then_some(LOCAL_CA)
}

/// The local CA every installation has.
#[must_use]
pub fn local_issuer() -> IssuerId {
    IssuerId::fixed("iss-local")
}

/// The internal CA that signs agent identities.
#[must_use]
pub fn agents_issuer() -> IssuerId {
    IssuerId::fixed("iss-agents")
}

/// What a CA of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaRole {
    /// The anchor; signs issuing CAs only.
    Root,
    /// Signs leaves.
    Issuing,
}

impl CaRole {
    /// The database's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
        }
    }

    /// Reads the database's text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Root, Self::Issuing].into_iter().find(|role| role.as_str() == text)
    }
}

/// A certificate authority of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    /// Its id.
    pub id: CaId,
    /// The issuer it works for.
    pub issuer_id: IssuerId,
    /// Root or issuing.
    pub role: CaRole,
    /// Who signed its certificate; absent for a root.
    pub parent_id: Option<CaId>,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its private key, sealed; absent when the key lies in a file.
    pub sealed_key: Option<Vec<u8>>,
    /// Where the key lies otherwise, such as `file:/etc/certctl/ca.key`.
    pub key_ref: Option<String>,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
}
