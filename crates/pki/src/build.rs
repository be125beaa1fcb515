//! Certificates to be made: from a template to the bytes to sign, and with the signature to the certificate.
//!
//! Signing is two steps, so that the key may live anywhere. A template fixes everything a certificate says;
//! nothing is copied from a request but key and names, and no extension appears that is not written here.

use std::sync::Arc;
use std::time::Duration;

use der::Encode;
use der::asn1::{AnyRef, BitStringRef};

use crate::asn1::{Signed, SignedRef};
use crate::cert::{Certificate, CertificateError, Contents, ExtendedKeyUsage, encoding};
use crate::key::{PublicKey, SignatureAlgorithm};
use crate::name::Subject;
use crate::san::San;
use crate::serial::Serial;
use crate::time::Timestamp;

mod encode;
mod issuer;

pub use issuer::IssuerRef;

pub(crate) use encode::general_names;

/// Everything that a certificate will say.
#[derive(Debug, Clone)]
pub struct Template {
    /// End entity or CA.
    pub kind: Kind,
    /// Unique per issuer.
    pub serial: Serial,
    /// May be empty when there are names in `sans`.
    pub subject: Subject,
    /// Written sorted and without duplicates.
    pub sans: Vec<San>,
    /// The key to certify; of a supported kind and already searched for weaknesses.
    pub public_key: PublicKey,
    /// When it is valid.
    pub validity: Validity,
    /// Purposes; at least one for a leaf, usually none for a CA. Time stamping stands alone.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// Ask servers to staple OCSP answers (RFC 7633).
    pub must_staple: bool,
}

/// What a certificate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Certify nobody else.
    Leaf,
    /// Sign certificates and revocation lists.
    Ca {
        /// How many CAs may follow below; `None` for any number.
        path_len: Option<u8>,
    },
}

/// First and last second in which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a template cannot become a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The validity ends before it starts.
    #[error("validity: not_after {not_after} lies before not_before {not_before}")]
    Validity {
        /// Start.
        not_before: Timestamp,
        /// End.
        not_after: Timestamp,
    },
    /// Neither subject nor alternative name.
    #[error("certificate would name nobody; give at least one name")]
    Nameless,
    /// A leaf without a purpose.
    #[error("extended_key_usages is empty; name at least one purpose, such as serverAuth")]
    Purposeless,
    /// Time stamping together with another purpose.
    #[error("extended_key_usages: timeStamping must stand alone (RFC 3161 §2.3)")]
    TimeStampingNotAlone,
    /// A key of a kind certctl does not certify.
    #[error("key {found} is not supported; use ECDSA P-256 or P-384, RSA 2048, 3072 or 4096, or Ed25519")]
    Key {
        /// The kind found.
        found: String,
    },
    /// A certificate offered as issuer that is no CA, or lacks a key identifier or the right to sign certificates.
    #[error("issuer {subject:?} cannot sign certificates: {reason}")]
    Issuer {
        /// Its subject.
        subject: String,
        /// What is missing.
        reason: &'static str,
    },
    /// A value that DER cannot hold.
    #[error("certificate cannot be encoded: {detail}")]
    Encoding {
        /// The encoder's reason.
        detail: String,
    },
}

/// The exact bytes to sign, and what they say.
#[derive(Debug, Clone)]
pub struct ToBeSigned {
    der: Vec<u8>,
    contents: Arc<Contents>,
    algorithm: SignatureAlgorithm,
    issuer: Option<IssuerRef>,
}

impl Validity {
    /// From the first second to the last one, both included; fractions of seconds are cut off.
    ///
    /// # Errors
    /// The end lies before the start.
    pub fn new(not_before: Timestamp, not_after: Timestamp) -> Result<Self, BuildError> {
        let (not_before, not_after) = (not_before.floor_second(), not_after.floor_second());
        if not_after < not_before {
            return Err(BuildError::Validity { not_before, not_after });
        }
        Ok(Self { not_before, not_after })
    }

    /// A validity that lasts exactly `lifetime`, the last second included (RFC 5280 §4.1.2.5).
    ///
    /// # Errors
    /// The lifetime is below one second.
    pub fn lasting(not_before: Timestamp, lifetime: Duration) -> Result<Self, BuildError> {
        Self::new(not_before, not_before.floor_second() + lifetime - Duration::from_secs(1))
    }

    /// The part of this validity that lies within `issuer`'s, if any: no certificate should outlive its CA.
    #[must_use]
    pub fn within(self, issuer: Self) -> Option<Self> {
        Self::new(self.not_before.max(issuer.not_before), self.not_after.min(issuer.not_after)).ok()
    }

    /// First second.
    #[must_use]
    pub fn not_before(self) -> Timestamp {
        self.not_before
    }

    /// Last second.
    #[must_use]
    pub fn not_after(self) -> Timestamp {
        self.not_after
    }
}

impl Template {
    /// The bytes for `issuer` to sign.
    ///
    /// # Errors
    /// The template contradicts itself; see [`BuildError`].
    pub fn issued_by(&self, issuer: &IssuerRef) -> Result<ToBeSigned, BuildError> {
        self.to_be_signed(Some(issuer), issuer.signature_algorithm())
    }

    /// The bytes for the certified key itself to sign.
    ///
    /// # Errors
    /// The template contradicts itself; see [`BuildError`].
    pub fn self_signed(&self) -> Result<ToBeSigned, BuildError> {
        let kind = self.public_key.kind().ok_or_else(|| self.unsupported_key())?;
        self.to_be_signed(None, kind.signature_algorithm())
    }

    fn to_be_signed(
        &self,
        issuer: Option<&IssuerRef>,
        algorithm: SignatureAlgorithm,
    ) -> Result<ToBeSigned, BuildError> {
        self.check()?;
        let issuer_certificate = issuer.map(IssuerRef::certificate);
        let der = encode::tbs_certificate(self, issuer_certificate, algorithm).map_err(not_encodable)?;
        let (contents, _) = Contents::parse(&der).map_err(not_encodable)?;
        Ok(ToBeSigned { contents: Arc::new(contents), der, algorithm, issuer: issuer.cloned() })
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.public_key.kind().is_none() {
            return Err(self.unsupported_key());
        }
        if self.subject.is_empty() && self.sans.is_empty() {
            return Err(BuildError::Nameless);
        }
        let usages = &self.extended_key_usages;
        if self.kind == Kind::Leaf && usages.is_empty() {
            return Err(BuildError::Purposeless);
        }
        let stamps = usages.contains(&ExtendedKeyUsage::TimeStamping);
        if stamps && usages.iter().any(|usage| *usage != ExtendedKeyUsage::TimeStamping) {
            return Err(BuildError::TimeStampingNotAlone);
        }
        Ok(())
    }

    fn unsupported_key(&self) -> BuildError {
        BuildError::Key { found: self.public_key.to_string() }
    }
}

impl ToBeSigned {
    /// The bytes to sign.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What these bytes say, read back from them.
    #[must_use]
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The algorithm to sign with.
    #[must_use]
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The CA that is to sign, `None` when the certified key signs itself.
    #[must_use]
    pub fn issuer(&self) -> Option<&IssuerRef> {
        self.issuer.as_ref()
    }

    /// Puts the signature under the bytes. The signature is not verified here; see [`Certificate::verify_issued_by`].
    ///
    /// # Errors
    /// The signature is too long for DER.
    pub fn finish(self, signature: &[u8]) -> Result<Certificate, CertificateError> {
        let der = SignedRef {
            contents: AnyRef::try_from(self.der.as_slice()).map_err(encoding)?,
            algorithm: self.algorithm.identifier(),
            signature: BitStringRef::from_bytes(signature).map_err(encoding)?,
        }
        .to_der()
        .map_err(encoding)?;
        let frame = Signed::parse(&der).map_err(encoding)?;
        Ok(Certificate::assemble(&der, &frame, self.contents))
    }
}

fn not_encodable(error: impl std::fmt::Display) -> BuildError {
    BuildError::Encoding { detail: error.to_string() }
}

#[cfg(test)]
mod tests;
