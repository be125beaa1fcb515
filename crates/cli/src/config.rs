//! The configuration file: contexts, and what output looks like.
//!
//! ```toml
//! current_context = "prod"
//! [contexts.prod]
//! server = "https://certctl.example.net:8443"
//! ca_bundle = "/etc/certctl/ca.pem"
//! auth = { key_file = "prod.key" }
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use crate::args::Format;
use crate::console::Console;
use crate::failure::{Failure, Result};
use crate::files;

/// What the file holds. A key nobody knows is an error, for it would silently do nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) current_context: Option<String>,
    pub(crate) contexts: BTreeMap<String, Context>,
    pub(crate) output: Output,
}

/// One server, and how it is reached.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Context {
    pub(crate) server: Option<String>,
    pub(crate) ca_bundle: Option<String>,
    pub(crate) tls_server_name: Option<String>,
    pub(crate) pin: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) default_team: Option<String>,
    pub(crate) confirm: Confirm,
}

/// Who calls.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Auth {
    pub(crate) key_file: Option<String>,
    pub(crate) api_key: Option<SecretString>,
    pub(crate) client_cert: Option<String>,
    pub(crate) client_key: Option<String>,
}

/// How sure one must be before something is destroyed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Confirm {
    /// A yes.
    #[default]
    Normal,
    /// The name, typed.
    Strict,
}

/// What output looks like.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Output {
    pub(crate) format: Option<Format>,
}

/// Where the file lies: flag, `CERTCTL_CONFIG`, else below `XDG_CONFIG_HOME` or `~/.config`.
pub(crate) fn path(console: &Console, flag: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = flag {
        return Some(path.to_owned());
    }
    if let Some(path) = console.var("CERTCTL_CONFIG") {
        return Some(PathBuf::from(path));
    }
    let base = console.var("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| console.home().map(|home| home.join(".config")))?;
    Some(base.join("certctl").join("config.toml"))
}

/// Reads the file. One that is not there is empty, unless somebody named it.
pub(crate) fn load(path: Option<&Path>, named: bool) -> Result<Config> {
    let Some(path) = path else { return Ok(Config::default()) };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => return Ok(Config::default()),
        Err(error) => return Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
    };
    let config: Config = toml::from_str(&text).map_err(|error| unusable(path, &error))?;
    let holds_secret = config.contexts.values().any(|context| context.auth.api_key.is_some());
    if holds_secret && files::is_shared(path) {
        let message = format!("{} holds an API key and others may read it", path.display());
        return Err(Failure::usage(message).hint(format!("chmod 600 {}", path.display())));
    }
    Ok(config)
}

/// One line of what is wrong; the parser's own text spans several and repeats the file, which may hold a key.
fn unusable(path: &Path, error: &toml::de::Error) -> Failure {
    let message = error.message().replace('\n', " ");
    Failure::usage(format!("{}: {message}", path.display()))
}

/// What a context remembers.
pub(crate) struct Stored {
    pub(crate) server: String,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) tls_server_name: Option<String>,
    pub(crate) pin: Option<String>,
    pub(crate) key_file: String,
}

/// Adds or replaces a context and makes it the current one; everything else in the file stays as it is.
pub(crate) fn store(path: &Path, name: &str, stored: &Stored) -> Result<()> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
    };
    let unusable = |error: toml_edit::TomlError| Failure::usage(format!("{}: {}", path.display(), error.message()));
    let mut document: toml_edit::DocumentMut = text.parse().map_err(unusable)?;
    document["current_context"] = toml_edit::value(name);
    let mut contexts = toml_edit::Table::new();
    contexts.set_implicit(true);
    let contexts = document.entry("contexts").or_insert(toml_edit::Item::Table(contexts));
    let wrong = || Failure::usage(format!("{}: contexts must be a table", path.display()));
    let contexts = contexts.as_table_like_mut().ok_or_else(wrong)?;
    let context = contexts.entry(name).or_insert_with(toml_edit::table).as_table_like_mut().ok_or_else(wrong)?;
    let mut auth = toml_edit::InlineTable::new();
    auth.insert("key_file", stored.key_file.as_str().into());
    context.insert("server", toml_edit::value(&stored.server));
    let ca_bundle = stored.ca_bundle.as_ref().map(|path| path.display().to_string());
    for (key, value) in [("ca_bundle", &ca_bundle), ("tls_server_name", &stored.tls_server_name), ("pin", &stored.pin)]
    {
        match value {
            Some(value) => context.insert(key, toml_edit::value(value)),
            None => context.remove(key),
        };
    }
    context.insert("auth", toml_edit::value(auth));
    files::write_private(path, &document.to_string())
}
