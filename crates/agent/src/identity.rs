//! Who the agent is: one file, replaced as a whole, so that certificate, key and id always belong together.

use std::{
    io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use certctl_client::{Credentials, Identity as ClientIdentity};
use certctl_pki::{Certificate, Csr, CsrError, KeyError, KeyKind, PrivateKey, Timestamp, hex};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::files;

/// The agent's identity as the server gave it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Id at the server.
    pub(crate) agent_id: String,
    /// Server that gave it.
    pub(crate) server: String,
    /// Certificate and what leads to its anchor, PEM.
    pub(crate) certificate_pem: String,
    key_pem: String,
    /// The same actor where TLS ends before the server, and when the certificate has expired.
    api_key: String,
    /// SHA-256 of the token that admitted it: another token means another admission is wanted.
    pub(crate) token_sha256: String,
}

/// A request whose answer is not known yet. It is repeated with the same key until it is.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    key_pem: String,
    /// PEM.
    pub(crate) csr_pem: String,
    /// SHA-256 of the token it goes with; empty for a renewal.
    token_sha256: String,
}

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Reading or writing failed.
    #[error("{path} cannot be used")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not what was written.
    #[error("{path} is damaged ({detail}); move it away and enrol again")]
    Damaged { path: PathBuf, detail: String },
    /// No key could be made.
    #[error("no identity key could be made")]
    Key(#[from] KeyError),
    /// No request could be made.
    #[error("no identity request could be made")]
    Request(#[from] CsrError),
}

impl Identity {
    /// The identity in `state`, if there is one.
    pub(crate) fn load(state: &Path) -> Result<Option<Self>, IdentityError> {
        let Some(identity) = read::<Self>(&path(state))? else { return Ok(None) };
        identity.certificate().map_err(|detail| IdentityError::Damaged { path: path(state), detail })?;
        Ok(Some(identity))
    }

    /// Joins the server's answer to the request it answers.
    pub(crate) fn answered(
        pending: &Pending,
        agent_id: String,
        server: &str,
        [certificate_pem, chain_pem]: [&str; 2],
        api_key: String,
    ) -> Self {
        Self {
            agent_id,
            server: server.to_owned(),
            certificate_pem: format!("{certificate_pem}{chain_pem}"),
            key_pem: pending.key_pem.clone(),
            api_key,
            token_sha256: pending.token_sha256.clone(),
        }
    }

    /// The same agent with the renewed certificate that answers `pending`.
    pub(crate) fn renewed(&self, pending: &Pending, [certificate_pem, chain_pem]: [&str; 2]) -> Self {
        Self {
            certificate_pem: format!("{certificate_pem}{chain_pem}"),
            key_pem: pending.key_pem.clone(),
            agent_id: self.agent_id.clone(),
            server: self.server.clone(),
            api_key: self.api_key.clone(),
            token_sha256: self.token_sha256.clone(),
        }
    }

    /// Puts it on disk and forgets the request.
    pub(crate) fn store(&self, state: &Path) -> Result<(), IdentityError> {
        write(&path(state), self)?;
        forget(state)
    }

    /// The certificate.
    pub(crate) fn certificate(&self) -> Result<Certificate, String> {
        let chain = certctl_pki::pem::split_certificates(&self.certificate_pem).map_err(|error| error.to_string())?;
        let leaf = chain.first().cloned().ok_or_else(|| "it holds no certificate".to_owned())?;
        let key = PrivateKey::from_pem(&self.key_pem).map_err(|error| error.to_string())?;
        if key.public_key().spki_der() != leaf.public_key().spki_der() {
            return Err("key and certificate do not belong together".to_owned());
        }
        Ok(leaf)
    }

    /// When two thirds of its life are over.
    pub(crate) fn renew_at(&self) -> Option<Timestamp> {
        let leaf = self.certificate().ok()?;
        let life = leaf.not_after().duration_since(leaf.not_before());
        leaf.not_before().checked_add(life * 2 / 3)
    }

    pub(crate) fn is_valid_at(&self, now: Timestamp) -> bool {
        self.certificate().is_ok_and(|leaf| leaf.is_valid_at(now))
    }

    /// The certificate as credential.
    pub(crate) fn by_certificate(&self) -> Credentials {
        Credentials::identity(ClientIdentity {
            certificate_pem: self.certificate_pem.clone(),
            key_pem: SecretString::from(self.key_pem.clone()),
        })
    }

    /// The key as credential.
    pub(crate) fn by_api_key(&self) -> Credentials {
        Credentials::api_key(SecretString::from(self.api_key.clone()))
    }
}

impl Pending {
    /// The request that is under way for `token` (`None`: a renewal), or a new one, on disk before it is returned.
    pub(crate) fn begin(state: &Path, token: Option<&SecretString>) -> Result<Self, IdentityError> {
        let token_sha256 = token.map(token_sha256).unwrap_or_default();
        let known = read::<Self>(&pending_path(state)).ok().flatten();
        if let Some(pending) = known.filter(|pending| pending.token_sha256 == token_sha256) {
            return Ok(pending);
        }
        let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
        let pending = Self {
            key_pem: key.to_pkcs8_pem().to_string(),
            csr_pem: Csr::build(&key, None, &[])?.to_pem(),
            token_sha256,
        };
        write(&pending_path(state), &pending)?;
        Ok(pending)
    }
}

/// Names a token without showing it.
pub(crate) fn token_sha256(token: &SecretString) -> String {
    hex::lower(digest(&SHA256, token.expose_secret().as_bytes()).as_ref())
}

fn path(state: &Path) -> PathBuf {
    state.join("identity.json")
}

fn pending_path(state: &Path) -> PathBuf {
    state.join("identity-request.json")
}

fn forget(state: &Path) -> Result<(), IdentityError> {
    let path = pending_path(state);
    files::shred(&path).map_err(|source| IdentityError::File { path, source })
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, IdentityError> {
    let text = files::read(path).map_err(|source| IdentityError::File { path: path.to_owned(), source })?;
    let Some(text) = text.map(zeroize::Zeroizing::new) else { return Ok(None) };
    let damaged =
        |error: serde_json::Error| IdentityError::Damaged { path: path.to_owned(), detail: error.to_string() };
    serde_json::from_str(&text).map(Some).map_err(damaged)
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), IdentityError> {
    let text = zeroize::Zeroizing::new(serde_json::to_vec_pretty(value).expect("strings can be written as JSON"));
    files::write(path, &text).map_err(|source| IdentityError::File { path: path.to_owned(), source })
}

/// Never shows what is secret.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("agent_id", &self.agent_id).finish_non_exhaustive()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key_pem);
        zeroize::Zeroize::zeroize(&mut self.api_key);
    }
}

#[cfg(test)]
mod tests;
