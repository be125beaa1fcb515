//! The token that the first administrator comes in with, in the data directory of an embedded database: written while there
//! is no administrator, removed when there is one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use certctl_app::App;
use certctl_app::world::{Randomness, SystemRandomness};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::data_dir::{DataDir, write_private};

/// The key that seals secrets: the configured one, or that of the data directory, made at the first start.
///
/// # Errors
/// The file cannot be read or written.
pub(crate) fn key_of(config: &Config, data_dir: Option<&DataDir>) -> anyhow::Result<SecretString> {
    match (&config.auth.encryption_key, data_dir) {
        (Some(key), _) => Ok(key.clone()),
        (None, Some(dir)) => generated_key(&dir.join("encryption.key")),
        (None, None) => anyhow::bail!("CERTCTL_CONFIG_ENCRYPTION_KEY: required with PostgreSQL"),
    }
}

fn generated_key(path: &Path) -> anyhow::Result<SecretString> {
    let key = read_or_make(path, || STANDARD.encode(random()));
    let key = key.with_context(|| format!("{} cannot be used", path.display()))?;
    anyhow::ensure!(key.len() >= 32, "{} is damaged; restore it from a backup", path.display());
    Ok(key.into())
}

/// The bootstrap token of the file, made if there is none.
///
/// # Errors
/// The file cannot be read or written.
pub(crate) fn token(path: &Path) -> anyhow::Result<SecretString> {
    let make = || URL_SAFE_NO_PAD.encode(random());
    let token = read_or_make(path, make).with_context(|| format!("{} cannot be used", path.display()))?;
    Ok(token.into())
}

/// Removes the token's file as soon as there is an administrator.
pub(crate) async fn remove_when_used(path: PathBuf, app: App, stop: CancellationToken) {
    let mut wakes = app.db().notifier().subscribe();
    while path.exists() {
        match certctl_store::roles::administrator_exists(app.db(), app.now()).await {
            Ok(true) => return remove(&path),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "whether there is an administrator is not known yet"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = wakes.next() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Removes the token's file: there is an administrator.
pub(crate) fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Ok(()) => tracing::info!("removed {}: there is an administrator", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, "{} was not removed; it opens nothing any more", path.display()),
    }
}

fn read_or_make(path: &Path, make: impl Fn() -> String) -> std::io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = make();
            write_private(path, format!("{text}\n").as_bytes())?;
            Ok(text)
        }
        Err(error) => Err(error),
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandomness.fill(&mut bytes);
    bytes
}

const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
