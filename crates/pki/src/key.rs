//! Key pairs and public keys: kinds, signatures, known weaknesses.
//!
//! All arithmetic on secrets is aws-lc's; this module only names algorithms, reads and writes containers.

mod algorithm;
mod private;
mod public;
mod weak;

pub use algorithm::{KeyAlgorithm, KeyKind, SignatureAlgorithm};
pub use private::PrivateKey;
pub use public::PublicKey;
pub use weak::Weakness;

/// Why a key cannot be read, made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one PEM block with a private key in it.
    #[error("private key is not one PEM block of PKCS#8, SEC 1 or PKCS#1: {detail}")]
    Pem {
        /// What is wrong with the text.
        detail: String,
    },
    /// An encrypted private key; certctl reads plain ones and seals them itself.
    #[error("private key is encrypted; decrypt it first, for example with openssl pkey")]
    Encrypted,
    /// The bytes are not the DER structure they should be.
    #[error("key is not valid DER: {detail}")]
    Encoding {
        /// What is wrong with the bytes.
        detail: String,
    },
    /// An algorithm, curve or size that certctl does not use.
    #[error("key kind {found} is not supported; use ECDSA P-256 or P-384, RSA 2048, 3072 or 4096, or Ed25519")]
    Unsupported {
        /// The kind that was found.
        found: String,
    },
    /// The cryptographic library refused the key, for instance because its parts do not fit together.
    #[error("key is not consistent: {detail}")]
    Rejected {
        /// The library's reason.
        detail: String,
    },
    /// A signature of an algorithm that this key cannot make or check.
    #[error("signature algorithm {algorithm} does not fit this key")]
    WrongAlgorithm {
        /// The algorithm asked for.
        algorithm: SignatureAlgorithm,
    },
    /// The signature is not one of this key over this message.
    #[error("signature does not verify")]
    BadSignature,
    /// The cryptographic library failed, for instance for want of randomness.
    #[error("the cryptographic library failed to {operation}")]
    Crypto {
        /// What was tried.
        operation: &'static str,
    },
}

#[cfg(test)]
mod tests;
