//! The certificate of the server's own listener, from the local CA, under built-in rules.

use std::time::Duration;

use certctl_domain::certificate::Purpose;
use certctl_domain::issuer::local_issuer;
use certctl_pki::build::Kind;
use certctl_pki::{ExtendedKeyUsage, PublicKey, San};

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::internal::Internal;
use crate::world::App;

/// How long a listener certificate lives.
pub const LISTENER_LIFE: Duration = Duration::from_secs(90 * 86_400);

impl App {
    /// Issues a certificate for the listener; the answer is leaf and chain, PEM. The key stays with the caller.
    ///
    /// # Errors
    /// [`Error::Refused`] without names; otherwise as every issuance.
    pub async fn listener_issue(&self, names: Vec<San>, key: &PublicKey) -> Result<String> {
        let names = San::normalize(names);
        let first = names.iter().find(|name| matches!(name, San::Dns(_))).or_else(|| names.first());
        let common_name =
            first.ok_or_else(|| Error::invalid("CERTCTL_SERVER_TLS_NAMES", "names nobody; give one name"))?.to_string();
        let engine = self.engine(&local_issuer()).await?;
        let ca = engine.own().ok_or_else(|| Error::internal("the local issuer has no CA of ours"))?;
        let ask = Internal {
            purpose: Purpose::Listener,
            holder: "listener".to_owned(),
            common_name,
            sans: names,
            public_key: key.clone(),
            kind: Kind::Leaf,
            usages: vec![ExtendedKeyUsage::ServerAuth],
            lifetime: LISTENER_LIFE,
        };
        let (_, certificate) = self.internal_issue(&Caller::system("listener"), ca, ask, |_, _, _| Ok(())).await?;
        Ok(format!("{}{}", certificate.to_pem(), ca.chain_pem))
    }
}
