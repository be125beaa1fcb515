//! API keys.

use certctl_wire::{ApiKeyCreate, ApiKeyCreated, ApiKeyRotate, ApiKeyRotated, ApiKeys};

use super::api;
use crate::transport::Call;
use crate::{Client, Error};

impl Client {
    /// All actors that hold a role, with their keys.
    ///
    /// # Errors
    /// As every call.
    pub async fn api_key_list(&self) -> Result<ApiKeys, Error> {
        self.read(Call::get(api(["auth", "keys"]))).await
    }

    /// Creates a key; its value is in the answer and nowhere else.
    ///
    /// # Errors
    /// As every call.
    pub async fn api_key_create(&self, ask: &ApiKeyCreate) -> Result<ApiKeyCreated, Error> {
        self.read(Call::post(api(["auth", "keys"])).once().body(ask)?).await
    }

    /// Gives a key a new value; the old one works for a while.
    ///
    /// # Errors
    /// As every call.
    pub async fn api_key_rotate(&self, id: &str, ask: &ApiKeyRotate) -> Result<ApiKeyRotated, Error> {
        self.read(Call::post(api(["auth", "keys", id, "rotate"])).once().body(ask)?).await
    }

    /// Deletes a key, at once and everywhere.
    ///
    /// # Errors
    /// As every call.
    pub async fn api_key_delete(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["auth", "keys", id]))).await
    }
}
