//! ② The first administrator, through the door that every installation has.

use std::time::Instant;

use certctl_client::{Class, Client, Credentials};
use certctl_wire::BootstrapRequest;
use secrecy::{ExposeSecret, SecretString};

use super::{NAME, call_failed, server};
use crate::context;
use crate::failure::Failure;
use crate::layout::write_private;
use crate::run::Run;

const STEP: &str = "admin";

/// A client with the administrator's key.
pub(super) async fn enter(run: &Run, anonymous: &Client) -> Result<Client, Failure> {
    let since = Instant::now();
    let key = match std::fs::read_to_string(run.layout.admin_key()) {
        Ok(key) => SecretString::from(key.trim().to_owned()),
        Err(_) => mint(run, anonymous).await?,
    };
    let unreadable = |error: std::io::Error| Failure::new(STEP, "data_dir", error.to_string());
    let ca = std::fs::read(run.layout.ca()).map_err(unreadable)?;
    let client =
        server::client(run, ca, Credentials::api_key(key)).map_err(call_failed(STEP, "the administrator's key"))?;
    client.auth_me().await.map_err(|error| {
        let failure = call_failed(STEP, "the key in admin.key is not accepted")(error);
        failure.hint("restore admin.key, or remove the whole data directory to begin anew")
    })?;
    context::write(&run.layout, run.ports)?;
    run.done('②', "administrator's key in admin.key, context in cli.toml", since, |_, _| {});
    Ok(client)
}

/// Mints the key with the token that the server has left in its data directory.
async fn mint(run: &Run, anonymous: &Client) -> Result<SecretString, Failure> {
    let path = run.layout.server().join("bootstrap-token");
    let token = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(STEP, "bootstrap_token", format!("{} cannot be read: {error}", path.display()))
            .hint("there is an administrator whose key is lost: restore admin.key, or remove the data directory to begin anew")
    })?;
    let ask = BootstrapRequest { token: token.trim().to_owned(), actor_name: NAME.to_owned() };
    let answer = anonymous.bootstrap(&ask).await.map_err(|error| {
        let gone = error.class() == Class::NotFound;
        let failure = call_failed(STEP, "the bootstrap door")(error);
        if gone { failure.hint("restore admin.key, or remove the data directory to begin anew") } else { failure }
    })?;
    let key = SecretString::from(answer.key_value);
    write_private(&run.layout.admin_key(), &format!("{}\n", key.expose_secret()))
        .map_err(|error| Failure::new(STEP, "data_dir", format!("admin.key cannot be written: {error}")))?;
    Ok(key)
}
