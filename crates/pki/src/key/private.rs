//! Private keys: made, read, written, used to sign.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use const_oid::ObjectIdentifier;
use der::Decode;
use zeroize::Zeroizing;

use crate::key::{KeyError, KeyKind, PublicKey, SignatureAlgorithm};
use crate::{oid, pem};

const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";

/// A private key of one of the kinds certctl uses.
///
/// Its `Debug` form shows the kind and the public key's fingerprint, never the secret.
pub struct PrivateKey {
    pair: Pair,
    kind: KeyKind,
    public: PublicKey,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Makes a fresh key. RSA 4096 takes up to seconds, the others far less.
    ///
    /// # Errors
    /// The cryptographic library has no randomness.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Crypto { operation: "generate a key" };
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa).map_err(failed);
        let pair = match kind {
            KeyKind::EcdsaP256 => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?),
            KeyKind::EcdsaP384 => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(failed)?),
            KeyKind::Rsa2048 => rsa(KeySize::Rsa2048)?,
            KeyKind::Rsa3072 => rsa(KeySize::Rsa3072)?,
            KeyKind::Rsa4096 => rsa(KeySize::Rsa4096)?,
            KeyKind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        };
        Self::from_pair(pair)
    }

    /// Reads one PEM block: PKCS#8, SEC 1 (an `EC PARAMETERS` block before it is skipped) or PKCS#1, not encrypted.
    ///
    /// # Errors
    /// The text is not such a block, or the key's kind is not supported.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut found = None;
        for block in pem::blocks(text) {
            let block = block.map_err(|error| encrypted_or(text, error.to_string()))?;
            match block.label {
                "EC PARAMETERS" => {}
                "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
                PKCS8 | SEC1 | PKCS1 if found.is_none() => found = Some(block),
                PKCS8 | SEC1 | PKCS1 => return Err(KeyError::Pem { detail: "it holds more than one key".to_owned() }),
                other => return Err(KeyError::Pem { detail: format!("it holds a block {other:.40?}") }),
            }
        }
        let block = found.ok_or_else(|| KeyError::Pem { detail: "it holds no key".to_owned() })?;
        match block.label {
            SEC1 => Self::from_sec1_der(&block.der),
            PKCS1 => Self::from_pkcs1_der(&block.der),
            _ => Self::from_pkcs8_der(&block.der),
        }
    }

    /// Reads unencrypted PKCS#8 (RFC 5958), version 1 or 2.
    ///
    /// # Errors
    /// The bytes are not PKCS#8, the kind is not supported, or the parts of the key do not fit together.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = pkcs8::PrivateKeyInfo::from_der(der).map_err(encoding)?;
        let pair = match info.algorithm.oid {
            oid::EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters_oid().map_err(encoding)?;
                Pair::Ec(EcdsaKeyPair::from_pkcs8(curve_signing(curve)?, der).map_err(rejected)?)
            }
            oid::RSA => return Self::from_pkcs1_der(info.private_key),
            oid::ED25519 => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(rejected)?),
            other => return Err(KeyError::Unsupported { found: other.to_string() }),
        };
        Self::from_pair(pair)
    }

    /// Unencrypted PKCS#8 version 1.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        const HELD: &str = "a key pair that was made or read can be written";
        match &self.pair {
            Pair::Ec(pair) => Zeroizing::new(pair.to_pkcs8v1().expect(HELD).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().expect(HELD);
                Zeroizing::new(der.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Zeroizing::new(pair.to_pkcs8v1().expect(HELD).as_ref().to_vec()),
        }
    }

    /// [`Self::to_pkcs8_der`] as a PEM block `PRIVATE KEY`.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem::encode(PKCS8, &self.to_pkcs8_der()))
    }

    /// What kind of key this is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithm of every signature that [`Self::sign`] makes.
    #[must_use]
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.kind.signature_algorithm()
    }

    /// Signs `message` (the message, not its hash) in the form X.509 stores.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Crypto { operation: "sign" };
        match &self.pair {
            Pair::Ec(pair) => Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut made).map_err(failed)?;
                Ok(made)
            }
            Pair::Ed25519(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
        }
    }

    fn from_sec1_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = sec1::EcPrivateKey::from_der(der).map_err(encoding)?;
        let curve = key
            .parameters
            .and_then(sec1::EcParameters::named_curve)
            .ok_or_else(|| KeyError::Unsupported { found: "an EC key without a named curve".to_owned() })?;
        let pair = EcdsaKeyPair::from_private_key_der(curve_signing(curve)?, der).map_err(rejected)?;
        Self::from_pair(Pair::Ec(pair))
    }

    fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_pair(Pair::Rsa(RsaKeyPair::from_der(der).map_err(rejected)?))
    }

    fn from_pair(pair: Pair) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Crypto { operation: "write the public key" };
        let spki: PublicKeyX509Der<'_> = match &pair {
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        }
        .map_err(failed)?;
        let public = PublicKey::from_spki_der(spki.as_ref())?;
        let kind = public.kind().ok_or_else(|| KeyError::Unsupported { found: public.to_string() })?;
        Ok(Self { pair, kind, public })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, spki {})", self.kind, self.public.spki_sha256_hex())
    }
}

/// The signing parameters of a named curve.
fn curve_signing(curve: ObjectIdentifier) -> Result<&'static EcdsaSigningAlgorithm, KeyError> {
    match curve {
        oid::P256 => Ok(&ECDSA_P256_SHA256_ASN1_SIGNING),
        oid::P384 => Ok(&ECDSA_P384_SHA384_ASN1_SIGNING),
        other => Err(KeyError::Unsupported { found: format!("EC curve {other}") }),
    }
}

/// OpenSSL's older encryption is a header inside the block, which is no base64.
fn encrypted_or(text: &str, detail: String) -> KeyError {
    if text.contains("Proc-Type: 4,ENCRYPTED") { KeyError::Encrypted } else { KeyError::Pem { detail } }
}

fn encoding(error: impl fmt::Display) -> KeyError {
    KeyError::Encoding { detail: error.to_string() }
}

fn rejected(error: aws_lc_rs::error::KeyRejected) -> KeyError {
    KeyError::Rejected { detail: error.to_string() }
}
