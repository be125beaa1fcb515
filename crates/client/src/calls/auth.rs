//! Who am I, and how the first administrator comes in.

use certctl_wire::{AuthCheck, AuthInfo, AuthMe, BootstrapAnswer, BootstrapRequest, BootstrapStatus, Permissions};

use super::api;
use crate::transport::Call;
use crate::{Client, Error};

impl Client {
    /// How one authenticates here.
    ///
    /// # Errors
    /// As every call.
    pub async fn auth_info(&self) -> Result<AuthInfo, Error> {
        self.read(Call::get(api(["auth", "info"])).anonymous()).await
    }

    /// Whether the credential is valid, and whose it is.
    ///
    /// # Errors
    /// As every call.
    pub async fn auth_check(&self) -> Result<AuthCheck, Error> {
        self.read(Call::get(api(["auth", "check"]))).await
    }

    /// Who calls, and what they may do.
    ///
    /// # Errors
    /// As every call.
    pub async fn auth_me(&self) -> Result<AuthMe, Error> {
        self.read(Call::get(api(["auth", "me"]))).await
    }

    /// The permission catalogue.
    ///
    /// # Errors
    /// As every call.
    pub async fn auth_permissions(&self) -> Result<Permissions, Error> {
        self.read(Call::get(api(["auth", "permissions"]))).await
    }

    /// Whether the first administrator may still come in.
    ///
    /// # Errors
    /// As every call.
    pub async fn bootstrap_status(&self) -> Result<BootstrapStatus, Error> {
        self.read(Call::get(api(["auth", "bootstrap"])).anonymous()).await
    }

    /// Makes the first administrator's key; its value is in the answer and nowhere else.
    ///
    /// # Errors
    /// As every call.
    pub async fn bootstrap(&self, ask: &BootstrapRequest) -> Result<BootstrapAnswer, Error> {
        self.read(Call::post(api(["auth", "bootstrap"])).anonymous().once().body(ask)?).await
    }
}
