//! Agents known by their client certificate. The handshake has proved possession; everything else is decided here, for each
//! request, against the records: chain to the agent CA, purpose, validity, and that the credential is live.

use std::slice::from_ref;

use certctl_domain::agent::{Credential, CredentialKind};
use certctl_domain::issuer::agents_issuer;
use certctl_pki::cert::ExtendedKeyUsage;
use certctl_pki::chain::{ChainError, validate};
use certctl_pki::{Certificate, San};

use super::authenticate::{ClientCertificate, unauthenticated};
use super::secret::KeyDigest;
use super::{Auth, Known};
use crate::error::{Error, Result};

/// What became of a client certificate.
pub(super) enum Verdict {
    /// It stands for this.
    Known(Known),
    /// All of it is right but that it has expired.
    Expired(Box<Credential>),
}

impl Auth {
    /// What a client certificate stands for. An expired one stands for nothing by itself.
    pub(super) async fn known_certificate(&self, presented: &ClientCertificate) -> Result<Verdict> {
        if let Some(known) = self.inner.certificates.get(&presented.fingerprint) {
            return Ok(Verdict::Known(known));
        }
        let leaf = presented.chain.first().and_then(|der| Certificate::parse_der(der).ok());
        let leaf = leaf.ok_or_else(|| refused("cannot be read"))?;
        let credential = match self.verify(&leaf).await {
            Ok(()) => self.credential_of(&leaf).await?,
            Err(Rejected::Expired) => {
                return self.credential_of(&leaf).await.map(|found| Verdict::Expired(Box::new(found)));
            }
            Err(Rejected::For(error)) => return Err(error),
        };
        let known = self.agent_of(&credential).await?;
        self.inner.certificates.insert(presented.fingerprint, known.clone());
        Ok(Verdict::Known(known))
    }

    /// Chain, purpose and validity. Intermediates come from the records: what the client sends beside its leaf is not looked at.
    async fn verify(&self, leaf: &Certificate) -> std::result::Result<(), Rejected> {
        let pair = certctl_store::cas::pair(self.app().db(), &agents_issuer()).await;
        let (issuing, root) = match pair {
            Ok(Some(pair)) => pair,
            Ok(None) => return Err(Rejected::For(refused("was not issued by this server"))),
            Err(error) => return Err(Rejected::For(error.into())),
        };
        let parse = |der: &[u8]| {
            Certificate::parse_der(der).map_err(|error| Rejected::For(Error::bug("reading the agent CA", error)))
        };
        let (issuing, root) = (parse(&issuing.certificate)?, parse(&root.certificate)?);
        let now = self.app().now();
        match validate(leaf, from_ref(&issuing), from_ref(&root), now, ExtendedKeyUsage::ClientAuth) {
            Ok(()) => Ok(()),
            Err(ChainError::Expired { .. }) if !leaf.is_valid_at(now) => {
                // Everything but the date must be right: the same path, at the certificate's last moment.
                let then = leaf.not_after();
                match validate(leaf, from_ref(&issuing), from_ref(&root), then, ExtendedKeyUsage::ClientAuth) {
                    Ok(()) => Err(Rejected::Expired),
                    Err(error) => Err(Rejected::For(refused(&error.to_string()))),
                }
            }
            Err(error) => Err(Rejected::For(refused(&error.to_string()))),
        }
    }

    /// The record of the certificate; the agent it names must be the one on record.
    async fn credential_of(&self, leaf: &Certificate) -> Result<Credential> {
        let found =
            certctl_store::agents::credential_by_fingerprint(self.app().db(), &leaf.fingerprint_sha256()).await?;
        let credential = found.ok_or_else(|| refused("is not on record"))?;
        let name = San::Uri(format!("certctl://agent/{}", credential.agent_id));
        if !leaf.sans().contains(&name) {
            return Err(refused("names another agent than the one on record"));
        }
        Ok(credential)
    }

    /// Whether a key is that of the agent of this credential: with it, an expired certificate may be renewed.
    pub(super) async fn key_belongs_to(&self, key: KeyDigest, credential: &Credential) -> Result<Option<Known>> {
        let found = certctl_store::agents::credential_by_key(self.app().db(), &key.to_hex()).await?;
        let Some(by_key) = found.filter(|by_key| by_key.agent_id == credential.agent_id) else { return Ok(None) };
        debug_assert!(matches!(by_key.kind, CredentialKind::ApiKey { .. }), "found by the hash of a key");
        self.agent_of(&by_key).await.map(Some)
    }
}

enum Rejected {
    Expired,
    For(Error),
}

fn refused(why: &str) -> Error {
    unauthenticated("client_certificate", format!("the client certificate {why}"))
}

pub(super) fn expired() -> Error {
    let message =
        "the client certificate has expired; renew the identity with the agent's key, or enrol the agent again";
    unauthenticated("client_certificate_expired", message)
}
