//! Probes and the build.

use certctl_wire::{Health, Ready, Version};

use super::api;
use crate::transport::Call;
use crate::{Client, Error};

impl Client {
    /// Whether the server lives.
    ///
    /// # Errors
    /// As every call.
    pub async fn health(&self) -> Result<Health, Error> {
        self.read(Call::get(["health"]).anonymous()).await
    }

    /// Whether the server can work; 503 while it cannot.
    ///
    /// # Errors
    /// As every call.
    pub async fn ready(&self) -> Result<Ready, Error> {
        self.read(Call::get(["ready"]).anonymous()).await
    }

    /// What the server was built from.
    ///
    /// # Errors
    /// As every call.
    pub async fn version(&self) -> Result<Version, Error> {
        self.read(Call::get(api(["version"])).anonymous()).await
    }
}
