//! Public keys as they stand in requests and certificates.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::ObjectIdentifier;
use der::Decode;
use der::asn1::AnyRef;
use spki::SubjectPublicKeyInfoRef;

use crate::key::{KeyAlgorithm, KeyError, KeyKind, SignatureAlgorithm, Weakness, weak};
use crate::oid;

/// A public key of any algorithm; [`Self::kind`] tells whether it is one that certctl uses.
///
/// Cheap to clone. Two keys are equal when their `SubjectPublicKeyInfo` is.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    spki: Box<[u8]>,
    /// Where the contents of the `subjectPublicKey` bit string start; they reach to the end.
    key_at: usize,
    shape: Shape,
    spki_sha256: OnceLock<[u8; 32]>,
}

/// What the algorithm identifier and the key bits say.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    P256,
    P384,
    /// An elliptic curve certctl does not use, or none named.
    OtherCurve(Option<ObjectIdentifier>),
    /// A modulus of so many bits.
    Rsa(u32),
    Ed25519,
    Other(ObjectIdentifier),
}

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    ///
    /// Algorithms and sizes that certctl does not use are read too; see [`Self::weakness`].
    ///
    /// # Errors
    /// The bytes are not DER, or the key bits do not fit the algorithm.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = |error: der::Error| KeyError::Encoding { detail: error.to_string() };
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(malformed)?;
        let bits = info.subject_public_key.as_bytes().ok_or_else(|| KeyError::Encoding {
            detail: "subjectPublicKey is not a whole number of octets".to_owned(),
        })?;
        let shape = Shape::of(&info, bits)?;
        Ok(Self(Arc::new(Inner {
            spki: der.into(),
            key_at: der.len() - bits.len(),
            shape,
            spki_sha256: OnceLock::new(),
        })))
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// The contents of the `subjectPublicKey` bit string: an EC point, an `RSAPublicKey`, an Ed25519 point.
    #[must_use]
    pub fn key_bits(&self) -> &[u8] {
        &self.0.spki[self.0.key_at..]
    }

    /// The kind, if it is one that certctl uses. Says nothing about weaknesses inside a kind.
    #[must_use]
    pub fn kind(&self) -> Option<KeyKind> {
        match self.0.shape {
            Shape::P256 => Some(KeyKind::EcdsaP256),
            Shape::P384 => Some(KeyKind::EcdsaP384),
            Shape::Rsa(bits) => KeyKind::from_parts(KeyAlgorithm::Rsa, bits),
            Shape::Ed25519 => Some(KeyKind::Ed25519),
            Shape::OtherCurve(_) | Shape::Other(_) => None,
        }
    }

    /// The family, `None` for one that certctl does not know.
    #[must_use]
    pub fn algorithm(&self) -> Option<KeyAlgorithm> {
        match self.0.shape {
            Shape::P256 | Shape::P384 | Shape::OtherCurve(_) => Some(KeyAlgorithm::Ecdsa),
            Shape::Rsa(_) => Some(KeyAlgorithm::Rsa),
            Shape::Ed25519 => Some(KeyAlgorithm::Ed25519),
            Shape::Other(_) => None,
        }
    }

    /// Size in bits of the curve's field or the modulus; 0 where it is not known.
    #[must_use]
    pub fn size(&self) -> u32 {
        match self.0.shape {
            Shape::P256 | Shape::Ed25519 => 256,
            Shape::P384 => 384,
            Shape::OtherCurve(Some(oid::P521)) => 521,
            Shape::Rsa(bits) => bits,
            Shape::OtherCurve(_) | Shape::Other(_) => 0,
        }
    }

    /// SHA-256 over the DER `SubjectPublicKeyInfo`: the name of a key across certificates.
    #[must_use]
    pub fn spki_sha256(&self) -> [u8; 32] {
        *self.0.spki_sha256.get_or_init(|| sha256(&self.0.spki))
    }

    /// [`Self::spki_sha256`] in lower-case hex.
    #[must_use]
    pub fn spki_sha256_hex(&self) -> String {
        crate::hex::lower(&self.spki_sha256())
    }

    /// Key identifier by RFC 7093 §2 method 1: the leftmost 160 bits of SHA-256 over the key bits.
    #[must_use]
    pub fn key_identifier(&self) -> [u8; 20] {
        let hash = sha256(self.key_bits());
        std::array::from_fn(|at| hash[at])
    }

    /// Why no certificate should be issued for this key, if there is a reason.
    ///
    /// `None` implies that [`Self::kind`] is `Some`. Costs about 0.1 ms for RSA, nothing for the others.
    #[must_use]
    pub fn weakness(&self) -> Option<Weakness> {
        weak::find(self.0.shape, self.key_bits())
    }

    /// Checks that `signature` is one of this key over `message`.
    ///
    /// # Errors
    /// The algorithm does not fit the key, or the signature does not verify.
    pub fn verify(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let method = self.verification(algorithm).ok_or(KeyError::WrongAlgorithm { algorithm })?;
        UnparsedPublicKey::new(method, self.key_bits()).verify(message, signature).map_err(|_| KeyError::BadSignature)
    }

    fn verification(&self, algorithm: SignatureAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
        use SignatureAlgorithm as By;
        Some(match (self.0.shape, algorithm) {
            (Shape::P256, By::EcdsaSha256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Shape::P256, By::EcdsaSha384) => &signature::ECDSA_P256_SHA384_ASN1,
            (Shape::P256, By::EcdsaSha512) => &signature::ECDSA_P256_SHA512_ASN1,
            (Shape::P384, By::EcdsaSha256) => &signature::ECDSA_P384_SHA256_ASN1,
            (Shape::P384, By::EcdsaSha384) => &signature::ECDSA_P384_SHA384_ASN1,
            (Shape::P384, By::EcdsaSha512) => &signature::ECDSA_P384_SHA512_ASN1,
            (Shape::Rsa(_), By::RsaSha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Shape::Rsa(_), By::RsaSha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Shape::Rsa(_), By::RsaSha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Shape::Ed25519, By::Ed25519) => &signature::ED25519,
            _ => return None,
        })
    }
}

impl Shape {
    fn of(info: &SubjectPublicKeyInfoRef<'_>, bits: &[u8]) -> Result<Self, KeyError> {
        let parameters = info.algorithm.parameters;
        match info.algorithm.oid {
            oid::EC_PUBLIC_KEY => {
                let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
                Ok(match curve {
                    Some(oid::P256) => Self::P256,
                    Some(oid::P384) => Self::P384,
                    other => Self::OtherCurve(other),
                })
            }
            oid::RSA if parameters != Some(AnyRef::NULL) => {
                Err(KeyError::Encoding { detail: "RSA keys have NULL parameters (RFC 3279 §2.3.1)".to_owned() })
            }
            oid::RSA => {
                let key = pkcs1::RsaPublicKey::from_der(bits)
                    .map_err(|error| KeyError::Encoding { detail: format!("RSA public key: {error}") })?;
                Ok(Self::Rsa(bit_length(key.modulus.as_bytes())))
            }
            oid::ED25519 if bits.len() == 32 && parameters.is_none() => Ok(Self::Ed25519),
            oid::ED25519 => Err(KeyError::Encoding {
                detail: "an Ed25519 key has 32 octets and no parameters (RFC 8410 §3)".to_owned(),
            }),
            other => Ok(Self::Other(other)),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind(), self.0.shape) {
            (Some(kind), _) => write!(f, "{kind}"),
            (None, Shape::Rsa(bits)) => write!(f, "RSA {bits}"),
            (None, Shape::OtherCurve(Some(oid::P521))) => f.write_str("ECDSA P-521"),
            (None, Shape::OtherCurve(Some(curve))) => write!(f, "EC curve {curve}"),
            (None, Shape::OtherCurve(None)) => f.write_str("EC without a named curve"),
            (None, Shape::Other(algorithm)) => write!(f, "algorithm {algorithm}"),
            (None, Shape::P256 | Shape::P384 | Shape::Ed25519) => f.write_str("key"),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self}, spki {})", self.spki_sha256_hex())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl std::hash::Hash for PublicKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.spki.hash(state);
    }
}

fn bit_length(magnitude: &[u8]) -> u32 {
    let stripped = magnitude.iter().position(|octet| *octet != 0).map_or(&[][..], |start| &magnitude[start..]);
    let Some(first) = stripped.first() else { return 0 };
    u32::try_from(stripped.len() * 8).unwrap_or(u32::MAX) - first.leading_zeros()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 yields 32 octets")
}
