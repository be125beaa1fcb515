//! From what a request presents to who calls.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use certctl_db::Unit;
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::agent::Credential;
use certctl_domain::audit::Origin;
use certctl_domain::ids::AgentId;
use certctl_domain::permission::Role;
use certctl_store::keys::ApiKey;

use super::certificate::{Verdict, expired};
use super::secret::{KeyDigest, is_damaged};
use super::{Auth, Known};
use crate::caller::Caller;
use crate::error::{Error, Result};

/// What a request presents, unchecked.
#[derive(Clone, Default)]
pub struct Presented {
    /// Digest of the bearer key.
    key: Option<KeyDigest>,
    /// Whether the key shows a typing error.
    damaged: bool,
    /// The client certificate of the connection, whose possession the handshake has proved and nothing more.
    certificate: Option<Arc<ClientCertificate>>,
}

/// A client certificate as it came, leaf first.
pub struct ClientCertificate {
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) fingerprint: [u8; 32],
}

impl ClientCertificate {
    /// The certificates that the client sent, DER, leaf first; `None` when there are none.
    #[must_use]
    pub fn new(chain: Vec<Vec<u8>>) -> Option<Self> {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, chain.first()?).as_ref());
        Some(Self { chain, fingerprint })
    }
}

impl Presented {
    /// A bearer key, a client certificate, both or nothing.
    #[must_use]
    pub fn new(key: Option<&str>, certificate: Option<Arc<ClientCertificate>>) -> Self {
        Self { key: key.map(KeyDigest::of), damaged: key.is_some_and(is_damaged), certificate }
    }

    /// Whether anything is presented at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.key.is_none() && self.certificate.is_none()
    }
}

impl Auth {
    /// Whether the credential is known to be good without asking the database: such a request is limited by its actor and not
    /// by its address.
    #[must_use]
    pub fn knows(&self, presented: &Presented) -> bool {
        let known = match (&presented.certificate, &presented.key) {
            (Some(certificate), _) => self.inner.certificates.get(&certificate.fingerprint),
            (None, Some(key)) => self.inner.known.get(key),
            (None, None) => None,
        };
        matches!(known, Some(Known::Caller(_)))
    }

    /// Who calls. A client certificate that is not accepted is never made good by a key, but for one case: where
    /// `admits_expired` says so, an agent whose certificate has only expired is known by its key.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`]; [`Error::Gone`] for a retired agent; [`Error::Unavailable`].
    pub async fn authenticate(
        &self,
        presented: &Presented,
        mut origin: Origin,
        admits_expired: bool,
    ) -> Result<Caller> {
        let known = match (&presented.certificate, presented.key) {
            (Some(certificate), key) => self.known_by_both(certificate, key, presented.damaged, admits_expired).await?,
            (None, Some(key)) => self.known_key(key, presented.damaged).await?,
            (None, None) => return Err(missing()),
        };
        match known {
            Known::Caller(caller) => {
                origin.credential_id.clone_from(&caller.origin.credential_id);
                Ok(caller.at(origin))
            }
            Known::Retired(agent) => Err(retired(&agent)),
        }
    }

    async fn known_by_both(
        &self,
        certificate: &ClientCertificate,
        key: Option<KeyDigest>,
        damaged: bool,
        admits_expired: bool,
    ) -> Result<Known> {
        let known = match (self.known_certificate(certificate).await?, key) {
            (Verdict::Expired(credential), Some(key)) if admits_expired => {
                return self.key_belongs_to(key, &credential).await?.ok_or_else(expired);
            }
            (Verdict::Expired(_), _) => return Err(expired()),
            (Verdict::Known(known), None) => return Ok(known),
            (Verdict::Known(known), Some(key)) => (known, self.known_key(key, damaged).await?),
        };
        match known {
            (Known::Caller(one), Known::Caller(other)) if one.actor != other.actor => {
                let message = "certificate and key are of two different callers; present one of them";
                Err(unauthenticated("credential_conflict", message))
            }
            (known, _) => Ok(known),
        }
    }

    async fn known_key(&self, digest: KeyDigest, damaged: bool) -> Result<Known> {
        if let Some(known) = self.inner.known.get(&digest) {
            return Ok(known);
        }
        let found = self.look_up_key(digest).await?;
        let Some(known) = found else {
            return Err(if damaged {
                unauthenticated(
                    "api_key_damaged",
                    "the API key lost or changed a character: its checksum does not match; copy it again",
                )
            } else {
                unauthenticated("invalid_api_key", "Invalid API key")
            });
        };
        self.inner.known.insert(digest, known.clone());
        Ok(known)
    }

    async fn look_up_key(&self, digest: KeyDigest) -> Result<Option<Known>> {
        let hash = digest.to_hex();
        let db = self.app().db();
        if let Some(key) = certctl_store::keys::with_hash(db, &hash).await? {
            if !digest.is(&key.key_hash) {
                return Ok(None);
            }
            let caller = self.caller_of_key(&key).await?;
            self.touch(digest, &key).await;
            return Ok(Some(Known::Caller(Arc::new(caller))));
        }
        match certctl_store::agents::credential_by_key(db, &hash).await? {
            Some(credential) => self.agent_of(&credential).await.map(Some),
            None => Ok(None),
        }
    }

    async fn caller_of_key(&self, key: &ApiKey) -> Result<Caller> {
        let now = self.app().now();
        if let Some(at) = key.revoked_at {
            return Err(unauthenticated("api_key_revoked", format!("this API key was revoked at {at}")));
        }
        if !key.is_live(now) {
            let end = key.expires_at.unwrap_or(now);
            return Err(unauthenticated(
                "api_key_expired",
                format!("this API key expired at {end}; ask for a new one"),
            ));
        }
        let actor = Actor { id: key.name.clone(), kind: ActorType::ApiKey };
        let grants = certctl_store::roles::grants_of(self.app().db(), &actor, now).await?;
        let roles = grants.iter().filter_map(|grant| Role::parse(grant.role_id.as_str())).collect();
        let origin = Origin { credential_id: Some(key.id.to_string()), ..Origin::default() };
        Ok(Caller::new(actor, key.person.clone(), roles, origin))
    }

    /// What an agent's credential stands for, if it is live.
    pub(super) async fn agent_of(&self, credential: &Credential) -> Result<Known> {
        let now = self.app().now();
        let agent = certctl_store::agents::get(self.app().db(), &credential.agent_id).await?;
        let agent = agent.ok_or_else(|| Error::internal("a credential names an agent that does not exist"))?;
        if agent.retired_at.is_some() {
            return Ok(Known::Retired(agent.id));
        }
        if credential.revoked_at.is_some() {
            return Err(unauthenticated(
                "credential_revoked",
                "this agent credential was revoked; enrol the agent again",
            ));
        }
        if credential.expires_at.is_some_and(|end| end <= now) {
            return Err(unauthenticated(
                "credential_expired",
                "this agent credential has expired; enrol the agent again",
            ));
        }
        let origin = Origin { credential_id: Some(credential.id.to_string()), ..Origin::default() };
        Ok(Known::Caller(Arc::new(Caller::agent(agent.id, origin))))
    }

    /// Notes the use of a key, at most once a minute and without making the caller wait.
    async fn touch(&self, digest: KeyDigest, key: &ApiKey) {
        if self.inner.touched.contains_key(&digest) {
            return;
        }
        self.inner.touched.insert(digest, ());
        let app = self.app().clone();
        let mut unit = Unit::new();
        certctl_store::keys::touch(&mut unit, &key.id, app.now());
        tokio::spawn(async move {
            if let Err(error) = app.db().commit(unit).await {
                tracing::debug!(%error, "the use of an API key was not noted: {error}");
            }
        });
    }
}

pub(super) fn unauthenticated(code: &'static str, message: impl Into<String>) -> Error {
    Error::Unauthenticated { code, message: message.into() }
}

fn missing() -> Error {
    unauthenticated("credential_missing", "Authorization header required")
}

fn retired(agent: &AgentId) -> Error {
    Error::Gone { code: "agent_retired", message: format!("agent {agent} was retired; its credentials are dead") }
}
