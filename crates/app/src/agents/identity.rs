//! The identity of an agent: a client certificate of the internal CA, and a key for where TLS ends before the server.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certctl_db::Unit;
use certctl_domain::agent::{Credential, CredentialKind};
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Purpose, Version};
use certctl_domain::ids::{AgentId, CredentialId};
use certctl_domain::issuer::agents_issuer;
use certctl_pki::build::Kind;
use certctl_pki::{Csr, ExtendedKeyUsage, KeyKind, San, Timestamp};
use secrecy::SecretString;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::internal::Internal;
use crate::world::App;

/// How long an identity certificate lives; agents renew it at two thirds.
pub const IDENTITY_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// What an agent's key begins with.
pub const AGENT_KEY_PREFIX: &str = "cca_";

/// A new identity certificate.
#[derive(Debug, Clone)]
pub struct NewIdentity {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// What is sent behind it, PEM.
    pub chain_pem: String,
    /// The root of the agent CA, PEM.
    pub ca_pem: String,
    /// When it ends.
    pub not_after: Timestamp,
}

impl App {
    /// Renews the identity of the calling agent. The former one stays good until it ends by itself, so a lost answer harms
    /// nobody.
    ///
    /// # Errors
    /// [`Error::Refused`] when the request cannot be used.
    pub async fn agent_identity_renew(&self, caller: &Caller, csr_pem: &str) -> Result<NewIdentity> {
        let agent = self.agent_alive(caller).await?;
        let csr = identity_request(csr_pem)?;
        let id = agent.id.clone();
        let (identity, _) = self
            .identity_issue(caller, &agent.id, &csr, |app, unit, version, credential| {
                certctl_store::agents::insert_credential(unit, credential);
                let event = Event::new(Action::AgentIdentityRenewed, &id)
                    .with("version_id", version.id.as_str())
                    .with("spki_sha256", version.spki_sha256.as_str());
                app.audit(unit, caller, event);
            })
            .await?;
        Ok(identity)
    }

    /// Issues an identity certificate; `follow` adds what uses it to the unit that records it.
    pub(super) async fn identity_issue(
        &self,
        caller: &Caller,
        agent: &AgentId,
        csr: &Csr,
        follow: impl FnOnce(&Self, &mut Unit, &Version, &Credential),
    ) -> Result<(NewIdentity, Version)> {
        let engine = self.engine(&agents_issuer()).await?;
        let ca = engine.own().ok_or_else(|| Error::internal("the agent CA is not one of ours"))?;
        let ask = Internal {
            purpose: Purpose::Agent,
            holder: agent.to_string(),
            common_name: agent.to_string(),
            sans: vec![San::Uri(format!("certctl://agent/{agent}"))],
            public_key: csr.public_key().clone(),
            kind: Kind::Leaf,
            usages: vec![ExtendedKeyUsage::ClientAuth],
            lifetime: IDENTITY_LIFE,
        };
        let (version, certificate) = self
            .internal_issue(caller, ca, ask, |unit, version, certificate| {
                let credential = Credential {
                    id: CredentialId::new(self.ids().ulid()),
                    agent_id: agent.clone(),
                    kind: CredentialKind::Certificate {
                        version_id: version.id.clone(),
                        fingerprint_sha256: certificate.fingerprint_sha256(),
                    },
                    created_at: self.now(),
                    expires_at: Some(certificate.not_after()),
                    revoked_at: None,
                };
                follow(self, unit, version, &credential);
                Ok(())
            })
            .await?;
        let identity = NewIdentity {
            certificate_pem: certificate.to_pem(),
            chain_pem: ca.chain_pem.clone(),
            ca_pem: ca.root_pem.clone(),
            not_after: certificate.not_after(),
        };
        Ok((identity, version))
    }

    /// A fresh key for an agent, and the credential that knows it.
    pub(super) fn agent_key(&self, agent: &AgentId, now: Timestamp) -> (SecretString, Credential) {
        let key = format!("{AGENT_KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(self.random::<32>()));
        let credential = Credential {
            id: CredentialId::new(self.ids().ulid()),
            agent_id: agent.clone(),
            kind: CredentialKind::ApiKey { key_hash: crate::hash::sha256_hex(key.as_bytes()) },
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        (SecretString::from(key), credential)
    }
}

/// A request for an identity: a P-256 key, proved; its names do not matter, since the server knows the agent.
pub(super) fn identity_request(pem: &str) -> Result<Csr> {
    let csr = Csr::parse_pem(pem).map_err(|error| Error::invalid("csr_pem", error.to_string()))?;
    if csr.key_kind() != KeyKind::EcdsaP256 {
        return Err(Error::refused("csr_pem", "an agent's identity has an ECDSA P-256 key; make one"));
    }
    Ok(csr)
}
