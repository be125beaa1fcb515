//! The algorithms certctl uses, each written down once.

use std::fmt;

use const_oid::ObjectIdentifier;

use crate::oid;

/// Family of a key, as profiles and work items spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// Elliptic curve keys on the NIST curves.
    Ecdsa,
    /// RSA.
    Rsa,
    /// Edwards curve 25519 (RFC 8032).
    Ed25519,
}

impl KeyAlgorithm {
    /// Every family, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Ecdsa, Self::Rsa, Self::Ed25519];

    /// The wire spelling: `ECDSA`, `RSA`, `Ed25519`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ecdsa => "ECDSA",
            Self::Rsa => "RSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Reads the wire spelling, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Exactly the kinds of key that certctl makes and accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    Rsa3072,
    /// RSA with a modulus of 4096 bits.
    Rsa4096,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// Every kind, weakest of a family first.
    pub const ALL: [Self; 6] =
        [Self::EcdsaP256, Self::EcdsaP384, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096, Self::Ed25519];

    /// The family.
    #[must_use]
    pub const fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::EcdsaP256 | Self::EcdsaP384 => KeyAlgorithm::Ecdsa,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => KeyAlgorithm::Rsa,
            Self::Ed25519 => KeyAlgorithm::Ed25519,
        }
    }

    /// Size in bits: of the curve's field, or of the modulus.
    #[must_use]
    pub const fn size(self) -> u16 {
        match self {
            Self::EcdsaP256 | Self::Ed25519 => 256,
            Self::EcdsaP384 => 384,
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }

    /// The kind of this family and size in bits, if it is one of [`Self::ALL`].
    #[must_use]
    pub fn from_parts(algorithm: KeyAlgorithm, size: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.algorithm() == algorithm && u32::from(kind.size()) == size)
    }

    /// How a key of this kind signs when certctl may choose.
    #[must_use]
    pub const fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::EcdsaP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcdsaP384 => SignatureAlgorithm::EcdsaSha384,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => SignatureAlgorithm::RsaSha256,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::Rsa2048 => "RSA 2048",
            Self::Rsa3072 => "RSA 3072",
            Self::Rsa4096 => "RSA 4096",
            Self::Ed25519 => "Ed25519",
        })
    }
}

/// Signature algorithms of certificates and requests that certctl makes or checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureAlgorithm {
    /// ECDSA with SHA-256 (RFC 5758).
    EcdsaSha256,
    /// ECDSA with SHA-384 (RFC 5758).
    EcdsaSha384,
    /// ECDSA with SHA-512 (RFC 5758); checked, never made.
    EcdsaSha512,
    /// RSA PKCS#1 v1.5 with SHA-256 (RFC 4055).
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-384 (RFC 4055); checked, never made.
    RsaSha384,
    /// RSA PKCS#1 v1.5 with SHA-512 (RFC 4055); checked, never made.
    RsaSha512,
    /// Ed25519 (RFC 8410).
    Ed25519,
}

impl SignatureAlgorithm {
    const ALL: [Self; 7] = [
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::RsaSha256,
        Self::RsaSha384,
        Self::RsaSha512,
        Self::Ed25519,
    ];

    /// The object identifier in `AlgorithmIdentifier`.
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::EcdsaSha256 => oid::ECDSA_SHA256,
            Self::EcdsaSha384 => oid::ECDSA_SHA384,
            Self::EcdsaSha512 => oid::ECDSA_SHA512,
            Self::RsaSha256 => oid::RSA_SHA256,
            Self::RsaSha384 => oid::RSA_SHA384,
            Self::RsaSha512 => oid::RSA_SHA512,
            Self::Ed25519 => oid::ED25519,
        }
    }

    /// The family of the keys that make such signatures.
    #[must_use]
    pub const fn key_algorithm(self) -> KeyAlgorithm {
        match self {
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 => KeyAlgorithm::Ecdsa,
            Self::RsaSha256 | Self::RsaSha384 | Self::RsaSha512 => KeyAlgorithm::Rsa,
            Self::Ed25519 => KeyAlgorithm::Ed25519,
        }
    }

    /// Reads an `AlgorithmIdentifier`. RSA takes NULL parameters or none (RFC 4055 §5), the others none.
    pub(crate) fn from_identifier(identifier: &spki::AlgorithmIdentifierRef<'_>) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.oid() == identifier.oid)?;
        let fits = match (found.key_algorithm(), identifier.parameters) {
            (_, None) => true,
            (KeyAlgorithm::Rsa, Some(parameters)) => parameters == der::asn1::AnyRef::NULL,
            (KeyAlgorithm::Ecdsa | KeyAlgorithm::Ed25519, Some(_)) => false,
        };
        fits.then_some(found)
    }

    /// The `AlgorithmIdentifier` that certctl writes.
    pub(crate) fn identifier(self) -> spki::AlgorithmIdentifierRef<'static> {
        let parameters = match self.key_algorithm() {
            KeyAlgorithm::Rsa => Some(der::asn1::AnyRef::NULL),
            KeyAlgorithm::Ecdsa | KeyAlgorithm::Ed25519 => None,
        };
        spki::AlgorithmIdentifierRef { oid: self.oid(), parameters }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaSha256 => "ECDSA-SHA256",
            Self::EcdsaSha384 => "ECDSA-SHA384",
            Self::EcdsaSha512 => "ECDSA-SHA512",
            Self::RsaSha256 => "RSA-SHA256",
            Self::RsaSha384 => "RSA-SHA384",
            Self::RsaSha512 => "RSA-SHA512",
            Self::Ed25519 => "Ed25519",
        })
    }
}
