//! Certificate profiles: what may be issued.

use serde::{Deserialize, Serialize};

/// Keys of one algorithm from a size upward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyRule {
    /// `RSA`, `ECDSA` or `Ed25519`.
    pub algorithm: String,
    /// Smallest size in bits.
    #[serde(default)]
    pub min_size: u32,
}

/// What may be issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Profile {
    /// Its id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Keys that may be certified; one rule that fits is enough.
    #[serde(default)]
    pub allowed_key_algorithms: Vec<KeyRule>,
    /// Longest lifetime in seconds; 0 leaves it to the issuer.
    pub max_ttl_seconds: u64,
    /// Shortest lifetime in seconds; 0 for none.
    #[serde(default)]
    pub min_ttl_seconds: u64,
    /// Lifetime asked for when nobody names one, in seconds; 0 for the longest allowed.
    #[serde(default)]
    pub default_ttl_seconds: u64,
    /// Extended key usages, such as `serverAuth`.
    #[serde(default)]
    pub allowed_ekus: Vec<String>,
    /// Regular expressions; each must match at least one name.
    #[serde(default)]
    pub required_san_patterns: Vec<String>,
    /// DNS suffixes that may be asked for; empty allows every DNS name.
    #[serde(default)]
    pub permitted_dns: Vec<String>,
    /// DNS suffixes that are never allowed.
    #[serde(default)]
    pub forbidden_dns: Vec<String>,
    /// Address ranges that may be asked for; empty allows every address.
    #[serde(default)]
    pub permitted_ips: Vec<String>,
    /// Mail domains that may be asked for; empty allows every domain.
    #[serde(default)]
    pub permitted_email_domains: Vec<String>,
    /// Regular expression that every URI must match; empty allows no URI.
    #[serde(default)]
    pub spiffe_uri_pattern: String,
    /// Whether `*.` names may be asked for.
    #[serde(default)]
    pub allow_wildcards: bool,
    /// Lifetimes below an hour are meant.
    pub allow_short_lived: bool,
    /// Whether a certificate whose key is held outside may be renewed with its old request.
    #[serde(default)]
    pub allow_key_reuse: bool,
    /// Writes the TLS feature extension (RFC 7633).
    pub must_staple: bool,
    /// Names of EST CSR attributes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_csr_attributes: Vec<String>,
    /// `trust_authenticated` or `challenge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acme_auth_mode: Option<String>,
    /// Two persons for every issuance.
    #[serde(default)]
    pub requires_approval: bool,
    /// A profile that is switched off issues nothing.
    pub enabled: bool,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Counts its changes; stamped on every version issued under it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/profiles`. What is absent takes the default of a new profile.
    ProfileCreate {
        /// An unused id; absent to have one made.
        id: Option<String>,
        /// Unique name; required.
        name: String,
        /// Free text.
        description: Option<String>,
        /// Keys that may be certified; ECDSA from 256 and RSA from 2048 unless given.
        allowed_key_algorithms: Option<Vec<KeyRule>>,
        /// Longest lifetime in seconds; 0 leaves it to the issuer.
        max_ttl_seconds: Option<u64>,
        /// Shortest lifetime in seconds.
        min_ttl_seconds: Option<u64>,
        /// Lifetime asked for when nobody names one, in seconds.
        default_ttl_seconds: Option<u64>,
        /// Extended key usages; `serverAuth` unless given.
        allowed_ekus: Option<Vec<String>>,
        /// Regular expressions; each must match at least one name.
        required_san_patterns: Option<Vec<String>>,
        /// DNS suffixes that may be asked for.
        permitted_dns: Option<Vec<String>>,
        /// DNS suffixes that are never allowed.
        forbidden_dns: Option<Vec<String>>,
        /// Address ranges that may be asked for.
        permitted_ips: Option<Vec<String>>,
        /// Mail domains that may be asked for.
        permitted_email_domains: Option<Vec<String>>,
        /// Regular expression that every URI must match.
        spiffe_uri_pattern: Option<String>,
        /// Whether `*.` names may be asked for.
        allow_wildcards: Option<bool>,
        /// Lifetimes below an hour are meant.
        allow_short_lived: Option<bool>,
        /// Whether a certificate whose key is held outside may be renewed with its old request.
        allow_key_reuse: Option<bool>,
        /// Writes the TLS feature extension.
        must_staple: Option<bool>,
        /// Names of EST CSR attributes to ask for.
        required_csr_attributes: Option<Vec<String>>,
        /// `trust_authenticated` or `challenge`.
        acme_auth_mode: Option<String>,
        /// Two persons for every issuance.
        requires_approval: Option<bool>,
        /// Switched on unless false.
        enabled: Option<bool>,
    }
    server_owned ["created_at", "updated_at", "revision"]
}

request! {
    /// Body of `PUT` and `PATCH /api/v1/profiles/{id}`: what is absent is kept.
    ProfileUpdate {
        /// Unique name.
        name: Option<String>,
        /// Free text.
        description: Option<String>,
        /// Keys that may be certified.
        allowed_key_algorithms: Option<Vec<KeyRule>>,
        /// Longest lifetime in seconds; 0 leaves it to the issuer.
        max_ttl_seconds: Option<u64>,
        /// Shortest lifetime in seconds.
        min_ttl_seconds: Option<u64>,
        /// Lifetime asked for when nobody names one, in seconds.
        default_ttl_seconds: Option<u64>,
        /// Extended key usages.
        allowed_ekus: Option<Vec<String>>,
        /// Regular expressions; each must match at least one name.
        required_san_patterns: Option<Vec<String>>,
        /// DNS suffixes that may be asked for.
        permitted_dns: Option<Vec<String>>,
        /// DNS suffixes that are never allowed.
        forbidden_dns: Option<Vec<String>>,
        /// Address ranges that may be asked for.
        permitted_ips: Option<Vec<String>>,
        /// Mail domains that may be asked for.
        permitted_email_domains: Option<Vec<String>>,
        /// Regular expression that every URI must match.
        spiffe_uri_pattern: Option<String>,
        /// Whether `*.` names may be asked for.
        allow_wildcards: Option<bool>,
        /// Lifetimes below an hour are meant.
        allow_short_lived: Option<bool>,
        /// Whether a certificate whose key is held outside may be renewed with its old request.
        allow_key_reuse: Option<bool>,
        /// Writes the TLS feature extension.
        must_staple: Option<bool>,
        /// Names of EST CSR attributes to ask for.
        required_csr_attributes: Option<Vec<String>>,
        /// `trust_authenticated` or `challenge`.
        acme_auth_mode: Option<String>,
        /// Two persons for every issuance.
        requires_approval: Option<bool>,
        /// Whether it issues.
        enabled: Option<bool>,
    }
    server_owned ["id", "created_at", "updated_at", "revision"]
}

/// Answer 202 of an edit that waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProfileEditPending {
    /// `pending_approval`.
    pub status: String,
    /// The request that waits.
    pub pending_approval_id: String,
    /// What a person reads.
    pub message: String,
}
