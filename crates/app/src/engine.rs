//! The engines that sign: one per configured issuer, built once per revision of its row and kept until the row changes.

use std::sync::Arc;

use certctl_connector::{ConnectorError, Engine};
use certctl_domain::ids::{CaId, IssuerId};
use certctl_domain::issuer::{Issuer, agents_issuer};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::world::App;

/// What an engine of ours is built from: the CA's certificate, its chain up to the root, and the opened key.
pub struct CaMaterial {
    /// The signing CA.
    pub id: CaId,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// The root above it, DER.
    pub root: Vec<u8>,
    /// Its private key, PKCS#8 DER; absent when the configuration names files.
    pub key: Option<Zeroizing<Vec<u8>>>,
}

/// Makes engines. The server passes it in, because only the server names concrete connectors.
pub trait EngineFactory: Send + Sync {
    /// Builds the engine of an issuer from its configuration (JSON, secrets opened) and, for a CA of ours, its material.
    ///
    /// # Errors
    /// [`ConnectorError`] of class `Config` naming the field.
    fn build(
        &self,
        issuer: &Issuer,
        config: &str,
        ca: Option<CaMaterial>,
    ) -> std::result::Result<Engine, ConnectorError>;
}

impl App {
    /// The engine of an issuer that certificates may name. The one that makes identities of agents is nobody's choice: whoever
    /// could have it sign could become any agent.
    ///
    /// # Errors
    /// As [`App::engine`]; the internal issuer is refused.
    pub(crate) async fn engine_selectable(&self, id: &IssuerId) -> Result<Arc<Engine>> {
        if *id == agents_issuer() {
            return Err(Error::invalid("issuer_id", format!("{id} signs the identities of agents only; name another")));
        }
        self.engine(id).await
    }

    /// The engine of an issuer.
    ///
    /// # Errors
    /// [`Error::Refused`] on `issuer_id` when there is none or it is switched off; [`Error::Connector`] when its
    /// configuration cannot be used.
    pub(crate) async fn engine(&self, id: &IssuerId) -> Result<Arc<Engine>> {
        if let Some(engine) = self.caches().engines.get(id) {
            return Ok(engine);
        }
        let issuer = certctl_store::issuers::get(self.db(), id).await?;
        let issuer =
            issuer.ok_or_else(|| Error::invalid("issuer_id", format!("issuer {id} does not exist; list them")))?;
        if !issuer.enabled {
            return Err(Error::refused("issuer_id", format!("issuer {} is switched off; enable it", issuer.name)));
        }
        let engine = Arc::new(self.engine_build(&issuer).await?);
        self.caches().engines.insert(id.clone(), Arc::clone(&engine));
        Ok(engine)
    }

    pub(crate) async fn engine_build(&self, issuer: &Issuer) -> Result<Engine> {
        let config = match &issuer.sealed_config {
            Some(sealed) => {
                let opened = self.sealer().open("issuers", "sealed_config", issuer.id.as_str(), sealed)?;
                String::from_utf8(opened.to_vec())
                    .map_err(|error| Error::bug("reading an issuer's configuration", error))?
            }
            None => issuer.config.clone(),
        };
        let material = self.ca_material(&issuer.id).await?;
        Ok(self.factory().build(issuer, &config, material)?)
    }

    async fn ca_material(&self, issuer: &IssuerId) -> Result<Option<CaMaterial>> {
        let Some((issuing, root)) = certctl_store::cas::pair(self.db(), issuer).await? else {
            return Ok(None);
        };
        let key = match &issuing.sealed_key {
            Some(sealed) => Some(self.sealer().open("cas", "sealed_key", issuing.id.as_str(), sealed)?),
            None => None,
        };
        Ok(Some(CaMaterial { id: issuing.id, certificate: issuing.certificate, root: root.certificate, key }))
    }
}
