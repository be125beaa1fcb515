//! What signs for a configured issuer: a CA of ours, or somebody else.
//!
//! They differ in who makes the serial number. With a CA of ours the certificate is built, linted and put on record before
//! the key is used; with an outside issuer the order is on record before it is placed.

use std::time::Duration;

use certctl_domain::ids::CaId;
use certctl_pki::build::IssuerRef;

use crate::issuer::SharedIssuer;
use crate::signer::SharedSigner;

/// What signs.
pub enum Engine {
    /// A CA of ours.
    Own(Box<OwnCa>),
    /// An outside issuer.
    External {
        /// Its type, such as `DigiCert`.
        kind: &'static str,
        /// The connector.
        issuer: SharedIssuer,
    },
}

/// A CA of ours, ready to sign.
pub struct OwnCa {
    /// Its type, such as `GenericCA`.
    pub kind: &'static str,
    /// The signing CA.
    pub ca_id: CaId,
    /// Its certificate and how it signs.
    pub issuer: IssuerRef,
    /// What is served behind a leaf, PEM: the signing CA, without the root.
    pub chain_pem: String,
    /// The root, PEM: what a client trusts.
    pub root_pem: String,
    /// Longest life of a leaf.
    pub lifetime_max: Duration,
    /// Its key.
    pub signer: SharedSigner,
}

impl Engine {
    /// The type of the issuer.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Own(ca) => ca.kind,
            Self::External { kind, .. } => kind,
        }
    }

    /// The CA of ours, if it is one.
    #[must_use]
    pub fn own(&self) -> Option<&OwnCa> {
        match self {
            Self::Own(ca) => Some(ca),
            Self::External { .. } => None,
        }
    }
}
