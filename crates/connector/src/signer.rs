//! A private key that signs, wherever it lives: a sealed row, a file, later a token or a cloud KMS.
//!
//! The local CA stands on this contract and not on [`crate::issuer::Issuer`], because its certificates are built, linted
//! and put on record before the key is used.

use std::sync::Arc;

use async_trait::async_trait;
use certctl_pki::{KeyKind, PublicKey, key::SignatureAlgorithm};

use crate::ConnectorError;

/// A signing key.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// What kind of key it is.
    fn kind(&self) -> KeyKind;

    /// The algorithm of every signature that [`Signer::sign`] makes.
    fn algorithm(&self) -> SignatureAlgorithm {
        self.kind().signature_algorithm()
    }

    /// Signs `message` (the message, not its hash) in the form X.509 stores.
    ///
    /// # Errors
    /// The place where the key lives refused or cannot be reached.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ConnectorError>;
}

/// A signing key as its users hold it.
pub type SharedSigner = Arc<dyn Signer>;
