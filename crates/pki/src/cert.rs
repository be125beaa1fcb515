//! Certificates as they are: parsed once, immutable, cheap to clone.
//!
//! Reading is lenient where the world is (names of foreign certificates stay as written) and strict where
//! leniency is dangerous (DER, one certificate per input, no extension twice).

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};

use crate::asn1::Signed;
use crate::key::KeyError;
use crate::pem::{self, PemError};

mod contents;
mod extensions;

pub use contents::Contents;
pub use extensions::{ExtendedKeyUsage, Extension, KeyUsage};
pub(crate) use extensions::{STATUS_REQUEST, ip as extension_ip};

pub(crate) const LABEL: &str = "CERTIFICATE";

/// An X.509 certificate (RFC 5280 §4.1): [`Contents`] with a signature, and the exact bytes it came from.
///
/// It derefs to its contents: everything but the signature is there. Two certificates are equal when their bytes are.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Box<[u8]>,
    /// Where the signed bytes stand in `der`.
    signed: Range<usize>,
    /// Where the signature starts in `der`; it reaches to the end.
    signature_at: usize,
    contents: Arc<Contents>,
    fingerprint: OnceLock<[u8; 32]>,
}

/// Why bytes or text are not a certificate, or a certificate does not do what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not PEM, or not of the right kind.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// More bytes than certctl reads.
    #[error("certificate has {length} bytes; at most {limit} are read")]
    TooLarge {
        /// Size of the input in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not the DER structure of a certificate.
    #[error("not a DER certificate: {detail}")]
    Encoding {
        /// What is wrong with the bytes.
        detail: String,
    },
    /// A serial number that is zero, negative or too long.
    #[error("certificate serial number is zero, negative or above 20 octets")]
    Serial,
    /// The public key cannot be read.
    #[error("certificate key: {0}")]
    Key(KeyError),
    /// An extension that cannot be read.
    #[error("certificate extension {oid}: {detail}")]
    Extension {
        /// Its object identifier.
        oid: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The signature is not one of the issuer given.
    #[error("certificate is not signed by {issuer}")]
    NotIssuedBy {
        /// The subject of the supposed issuer.
        issuer: String,
    },
}

impl Certificate {
    /// Reads one DER certificate with nothing after it, of at most [`pem::MAX_OBJECT`] bytes.
    ///
    /// # Errors
    /// The bytes are not such a certificate.
    pub fn parse_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > pem::MAX_OBJECT {
            return Err(CertificateError::TooLarge { length: der.len(), limit: pem::MAX_OBJECT });
        }
        let signed = Signed::parse(der).map_err(encoding)?;
        let (contents, algorithm) = Contents::parse(signed.contents)?;
        if algorithm != signed.algorithm {
            return Err(encoding("signature algorithms inside and outside differ (RFC 5280 §4.1.1.2)"));
        }
        Ok(Self::assemble(der, &signed, Arc::new(contents)))
    }

    /// Reads exactly one PEM block `CERTIFICATE`.
    ///
    /// # Errors
    /// The text is not one such block; see [`pem::split_certificates`] for several.
    pub fn parse_pem(text: &str) -> Result<Self, CertificateError> {
        Self::parse_der(&pem::single(text, &[LABEL])?.der)
    }

    /// The bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// A PEM block `CERTIFICATE`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, self.der())
    }

    /// SHA-256 over the bytes in lower-case hex: the name of this certificate everywhere.
    #[must_use]
    pub fn fingerprint_sha256(&self) -> String {
        crate::hex::lower(&self.fingerprint())
    }

    /// SHA-256 over the bytes.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        *self
            .0
            .fingerprint
            .get_or_init(|| digest(&SHA256, &self.0.der).as_ref().try_into().expect("SHA-256 yields 32 octets"))
    }

    /// Everything that is signed.
    #[must_use]
    pub fn contents(&self) -> &Contents {
        &self.0.contents
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.0.der[self.0.signed.clone()]
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.0.der[self.0.signature_at..]
    }

    /// Whether issuer and subject are the same name. Says nothing about the signature.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer_der() == self.subject_der()
    }

    /// Checks that `issuer` has the name this certificate gives for its issuer, and signed it.
    ///
    /// This is one signature, not a validated path; see [`crate::chain::validate`].
    ///
    /// # Errors
    /// Name or signature does not fit.
    pub fn verify_issued_by(&self, issuer: &Contents) -> Result<(), CertificateError> {
        let refuse = || CertificateError::NotIssuedBy { issuer: issuer.subject() };
        if self.issuer_der() != issuer.subject_der() {
            return Err(refuse());
        }
        let algorithm = self.signature_algorithm().ok_or_else(refuse)?;
        issuer.public_key().verify(algorithm, self.signed_bytes(), self.signature()).map_err(|_| refuse())
    }

    /// Joins a frame with the contents that were read from it before.
    pub(crate) fn assemble(der: &[u8], frame: &Signed<'_>, contents: Arc<Contents>) -> Self {
        let start = frame.contents_at;
        Self(Arc::new(Inner {
            der: der.into(),
            signed: start..start + frame.contents.len(),
            signature_at: der.len() - frame.signature.len(),
            contents,
            fingerprint: OnceLock::new(),
        }))
    }
}

impl Deref for Certificate {
    type Target = Contents;
    fn deref(&self) -> &Contents {
        &self.0.contents
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Certificate {}

impl std::hash::Hash for Certificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.der().hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({:?}, serial {}, {})", self.subject(), self.serial(), self.fingerprint_sha256())
    }
}

pub(crate) fn encoding(error: impl fmt::Display) -> CertificateError {
    CertificateError::Encoding { detail: error.to_string() }
}

#[cfg(test)]
mod tests;
