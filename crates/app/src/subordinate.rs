//! A CA that somebody else set up as a subordinate of their own, taken over as the one behind an issuer of ours. Its key stays
//! in its file; its certificates go on record, so that what it signs has something to point at.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{CaId, IssuerId};
use certctl_domain::issuer::{Ca, CaRole};
use certctl_pki::{Certificate, Timestamp};

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

impl App {
    /// Takes over the CA of `chain_pem` (signing CA first, root last) for an issuer that has none yet, and gives the issuer the
    /// configuration that names its files. An issuer that has a CA keeps it: false.
    ///
    /// # Errors
    /// [`Error::Refused`] on `ca_cert_path` when the chain cannot be used; [`Error::Unavailable`].
    pub async fn ca_adopt(&self, issuer: &IssuerId, chain_pem: &str, key_ref: &str, config: &str) -> Result<bool> {
        if certctl_store::cas::pair(self.db(), issuer).await?.is_some() {
            return Ok(false);
        }
        let refused = |message: String| Error::invalid("ca_cert_path", message);
        let chain = certctl_pki::pem::split_certificates(chain_pem).map_err(|error| refused(error.to_string()))?;
        let signing = chain.first().ok_or_else(|| refused("holds no certificate".to_owned()))?;
        let root = chain.iter().rev().find(|ca| ca.is_self_issued());
        let root = root.ok_or_else(|| refused("must end with the root, which clients trust".to_owned()))?;
        let mut known =
            certctl_store::issuers::get(self.db(), issuer).await?.ok_or_else(|| Error::missing("issuer", issuer))?;
        let now = self.now();
        let above = ca(self, issuer, CaRole::Root, root, now);
        let own = Ca {
            parent_id: Some(above.id.clone()),
            key_ref: Some(key_ref.to_owned()),
            ..ca(self, issuer, CaRole::Issuing, signing, now)
        };
        let mut unit = Unit::new();
        for (row, certificate) in [(&above, root), (&own, signing)] {
            certctl_store::cas::insert(&mut unit, row);
            let event = Event::new(Action::CaCreated, &row.id)
                .with("issuer_id", issuer.as_str())
                .with("role", row.role.as_str())
                .with("subject", certificate.subject())
                .with("fingerprint_sha256", certificate.fingerprint_sha256());
            self.audit(&mut unit, &Caller::system("ca"), event);
        }
        known.config = config.to_owned();
        known.updated_at = now;
        known.revision += 1;
        certctl_store::issuers::update(&mut unit, &known);
        // Another replica was first.
        self.commit_or_moved(unit).await?;
        self.config_changed();
        Ok(true)
    }
}

fn ca(app: &App, issuer: &IssuerId, role: CaRole, certificate: &Certificate, now: Timestamp) -> Ca {
    Ca {
        id: CaId::new(app.ids().ulid()),
        issuer_id: issuer.clone(),
        role,
        parent_id: None,
        certificate: certificate.der().to_vec(),
        sealed_key: None,
        key_ref: None,
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        created_at: now,
    }
}
