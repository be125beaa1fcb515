//! Issuers are shown.

use certctl_domain::ids::IssuerId;
use certctl_domain::issuer::Issuer;
use certctl_domain::permission::Permission;

use super::ISSUER;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{Listed, Window};
use crate::world::App;

impl App {
    /// One issuer.
    ///
    /// # Errors
    /// Missing; an issuer that the product made for itself is missing too.
    pub async fn issuer_get(&self, caller: &Caller, id: &IssuerId) -> Result<Issuer> {
        caller.require(Permission::IssuerRead)?;
        self.issuer(id).await
    }

    /// Issuers by the time they were made.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn issuer_list(&self, caller: &Caller, window: &Window) -> Result<Listed<Issuer>> {
        caller.require(Permission::IssuerRead)?;
        Ok(certctl_store::issuers::list(self.db(), window).await?)
    }

    pub(crate) async fn issuer(&self, id: &IssuerId) -> Result<Issuer> {
        let issuer = certctl_store::issuers::get(self.db(), id).await?;
        issuer.filter(|issuer| !issuer.internal).ok_or_else(|| Error::missing(ISSUER.what, id))
    }
}
