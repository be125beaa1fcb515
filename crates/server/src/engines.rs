//! Which issuer types this build can sign with.

use std::sync::Arc;

use certctl_app::{CaMaterial, Clock, EngineFactory};
use certctl_connector::{ConnectorError, Engine, ErrorClass};
use certctl_domain::issuer::{Issuer, LOCAL_CA};
use certctl_issuers::local::{self, KeptCa, LocalConfig};

use crate::further::IssuerType;

/// All issuer types of this build.
pub(crate) struct Engines {
    clock: Arc<dyn Clock>,
    further: &'static [IssuerType],
}

impl Engines {
    /// Engines that judge their certificates by this clock; `further` are issuers outside.
    pub(crate) fn new(clock: Arc<dyn Clock>, further: &'static [IssuerType]) -> Self {
        Self { clock, further }
    }
}

impl EngineFactory for Engines {
    fn build(&self, issuer: &Issuer, config: &str, ca: Option<CaMaterial>) -> Result<Engine, ConnectorError> {
        let refused = |message: String| ConnectorError::new(ErrorClass::Config, "issuer", "load", message);
        let config =
            serde_json::from_str(config).map_err(|error| refused(format!("the configuration on record: {error}")))?;
        if let Some(outside) = self.further.iter().find(|known| known.schema.connector == issuer.kind) {
            let kind = outside.schema.connector;
            return Ok(Engine::External { kind, issuer: (outside.connect)(&config)? });
        }
        if issuer.kind != LOCAL_CA {
            return Err(refused(format!("issuers of type {} are not part of this version", issuer.kind)));
        }
        let config = LocalConfig::parse(&config)?;
        let ca =
            ca.ok_or_else(|| refused(format!("issuer {} has no CA yet; start the server once more", issuer.id)))?;
        match ca.key {
            Some(key) => {
                let kept = KeptCa { id: ca.id, certificate: ca.certificate, root: ca.root, key };
                local::from_row(&config, &kept, self.clock.now())
            }
            None => local::from_files(&config, ca.id, self.clock.now()),
        }
    }
}
