//! Checking a key and remembering it.

use std::path::Path;

use certctl_client::{Client, Credentials};
use certctl_wire::AuthCheck;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::config;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;
use crate::output;
use crate::session::Session;

/// Asks the server whose key it is, then writes the key into a file of its own and a context that names it.
pub(crate) async fn login(session: &mut Session<'_>) -> Result<Exit> {
    let path = session.settings.config_path.clone();
    let path =
        path.ok_or_else(|| Failure::usage("there is no home directory").hint("name a file with --config FILE"))?;
    if session.settings.client.insecure {
        let failure = Failure::usage("a key is not sent to a server that was not checked");
        return Err(failure.hint("name the server's CA with --ca-bundle FILE, or its certificate with --pin"));
    }
    let key = key(session)?;
    let mut options = session.settings.client.clone();
    options.credentials = Credentials { api_key: Some(key.clone()), identity: options.credentials.identity };
    let who = Client::new(options)?.auth_check().await?;

    let name = session.settings.context.clone().unwrap_or_else(|| context_name(session.client.server()));
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) || name.starts_with('.') {
        return Err(Failure::usage(format!("--context: {name:?} may hold letters, digits, - _ . only")));
    }
    let key_file = path.parent().unwrap_or(Path::new(".")).join(format!("{name}.key"));
    files::write_private(&key_file, &format!("{}\n", key.expose_secret()))?;
    config::store(&path, &name, &remembered(session, &name)?)?;
    show(session, &who, &name, &path);
    Ok(Exit::Ok)
}

fn key(session: &mut Session<'_>) -> Result<SecretString> {
    if let Some(key) = session.settings.client.credentials.api_key.clone() {
        return Ok(key);
    }
    let missing = || Failure::usage("no API key").hint("--api-key-file FILE, --api-key-stdin or CERTCTL_API_KEY");
    if session.settings.no_input {
        return Err(missing());
    }
    session.console.ask_secret("API key:").ok_or_else(missing)
}

/// What the context will say.
fn remembered(session: &Session<'_>, name: &str) -> Result<config::Stored> {
    let absolute =
        |path: &Path| std::path::absolute(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())));
    Ok(config::Stored {
        server: session.client.server().to_owned(),
        ca_bundle: session.settings.ca_bundle.as_deref().map(absolute).transpose()?,
        tls_server_name: session.settings.client.server_name.clone(),
        pin: session.settings.pin.clone(),
        key_file: format!("{name}.key"),
    })
}

fn context_name(server: &str) -> String {
    let host = server.trim_start_matches("https://").split(['/', ':']).next().unwrap_or_default();
    host.trim_matches(['[', ']']).to_owned()
}

fn show(session: &mut Session<'_>, who: &AuthCheck, name: &str, path: &Path) {
    let pairs = [
        ("Context", name.to_owned()),
        ("Server", session.client.server().to_owned()),
        ("User", who.user.clone()),
        ("Roles", who.roles.join(", ")),
        ("Written to", path.display().to_string()),
    ];
    let object = json!({ "context": name, "server": session.client.server(), "config": path, "check": who });
    output::one_as(session, &object, name, &pairs);
}
