//! Looking at the configuration and at each layer of the way to the server.

use std::time::{Duration, SystemTime};

use certctl_client::Client;
use certctl_wire::AuthMe;
use serde::Serialize;

use crate::args::{Format, Global};
use crate::config;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::files;
use crate::session::Session;
use crate::settings::{self, Contexts, Settings};

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it should be.
    Ok,
    /// Worth knowing, and nothing to do about it.
    Note,
    /// Something to do something about.
    Finding,
}

#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    result: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Clocks further apart than this make certificates look not yet valid.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// One line a check; exit 20 when one of them found something.
pub(crate) async fn doctor(console: &mut Console, global: &Global) -> Result<Exit> {
    let mut checks = vec![config_file(console, global)];
    let format = match settings::resolve(console, global, Contexts::Known) {
        Err(failure) => {
            checks.push(finding("settings", &failure));
            global.output.unwrap_or(Format::Table)
        }
        Ok(settings) => {
            let format = settings.format;
            key_file(&settings, &mut checks);
            match Session::new(console, settings) {
                Err(failure) => checks.push(finding("settings", &failure)),
                Ok(session) => way(&session, &mut checks).await,
            }
            format
        }
    };
    show(console, format, &checks);
    let found = checks.iter().any(|check| check.result == Verdict::Finding);
    Ok(if found { Exit::Finding } else { Exit::Ok })
}

fn config_file(console: &Console, global: &Global) -> Check {
    let Some(path) = config::path(console, global.config.as_deref()) else {
        return note("configuration", "no home directory, so no file; flags and variables hold".to_owned());
    };
    if !path.exists() {
        return note("configuration", format!("{} does not exist; certctl login writes it", path.display()));
    }
    match config::load(Some(&path), true) {
        Ok(file) => ok("configuration", format!("{}, {} contexts", path.display(), file.contexts.len())),
        Err(failure) => finding("configuration", &failure),
    }
}

fn key_file(settings: &Settings, checks: &mut Vec<Check>) {
    checks.extend(settings.key_file.as_deref().map(|path| {
        if files::is_shared(path) {
            let failure = Failure::usage(format!("{} may be read by others", path.display()));
            finding("key file", &failure.hint(format!("chmod 600 {}", path.display())))
        } else {
            ok("key file", format!("{}, for its owner alone", path.display()))
        }
    }));
}

/// Each layer; one that fails ends the walk, for all that follow stand on it.
async fn way(session: &Session<'_>, checks: &mut Vec<Check>) {
    if let Err(failure) = layers(session, checks).await {
        let check = LAYERS.get(checks.iter().filter(|check| LAYERS.contains(&check.check)).count());
        checks.push(finding(check.copied().unwrap_or("server"), &failure));
    }
}

const LAYERS: &[&str] = &["dns", "tcp", "tls", "http", "clock", "credential"];

async fn layers(session: &Session<'_>, checks: &mut Vec<Check>) -> Result<()> {
    let client = &session.client;
    let addresses = client.addresses().await?;
    let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    checks.push(ok("dns", format!("{} is {}", client.server(), shown.join(", "))));

    let mut open = None;
    let mut closed = None;
    for address in addresses {
        match client.connect(address).await {
            Ok(()) => open = open.or(Some(address)),
            Err(error) => closed = Some(error),
        }
    }
    let Some(address) = open else { return Err(closed.map_or_else(|| Failure::usage("no address"), Failure::from)) };
    checks.push(ok("tcp", format!("{address} accepts connections")));

    let shake = client.handshake(address).await?;
    let detail = format!(
        "{} with {}, {} certificates, leaf sha256:{}",
        shake.version, shake.key_exchange, shake.certificates, shake.fingerprint_sha256
    );
    checks.push(if session.settings.client.insecure {
        finding(
            "tls",
            &Failure::usage(format!("{detail}; not checked (--insecure)")).hint("name the CA with --ca-bundle FILE"),
        )
    } else {
        ok("tls", detail)
    });

    let probe = client.http_probe().await?;
    checks.push(ok("http", format!("/health answers {}", probe.status)));
    checks.push(clock(probe.date.as_deref(), (session.console.now)()));
    checks.push(credential(client, session.settings.client.credentials.api_key.is_some()).await?);
    checks.push(publication(shake.names_publication));
    Ok(())
}

fn clock(date: Option<&str>, now: SystemTime) -> Check {
    let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return note("clock", "the server does not tell its time".to_owned());
    };
    let skew = theirs.duration_since(now).or_else(|_| now.duration_since(theirs)).unwrap_or_default();
    let detail = format!("{} s apart from the server", skew.as_secs());
    if skew > SKEW_MAX {
        finding("clock", &Failure::usage(detail).hint("set the clock; certificates depend on it"))
    } else {
        ok("clock", detail)
    }
}

async fn credential(client: &Client, given: bool) -> Result<Check> {
    match client.auth_me().await {
        Ok(AuthMe { actor_id, roles, effective_permissions, .. }) => Ok(ok(
            "credential",
            format!("{actor_id}, roles {}, {} permissions", roles.join(", "), effective_permissions.len()),
        )),
        Err(error) if !given && error.status() == Some(401) => {
            Ok(finding("credential", &Failure::usage("none is set").hint("certctl login")))
        }
        Err(error) => Err(error.into()),
    }
}

fn publication(named: bool) -> Check {
    if named {
        ok("aia/cdp", "the server's certificate says where revocation can be looked up".to_owned())
    } else {
        note(
            "aia/cdp",
            "certificates name no address for revocation; none is written without a publication URL".to_owned(),
        )
    }
}

fn ok(check: &'static str, detail: String) -> Check {
    Check { check, result: Verdict::Ok, detail, hint: None }
}

fn note(check: &'static str, detail: String) -> Check {
    Check { check, result: Verdict::Note, detail, hint: None }
}

fn finding(check: &'static str, failure: &Failure) -> Check {
    Check { check, result: Verdict::Finding, detail: failure.message.clone(), hint: failure.more.hint.clone() }
}

fn show(console: &mut Console, format: Format, checks: &[Check]) {
    match format {
        Format::Json => console.data(&serde_json::to_string_pretty(checks).unwrap_or_default()),
        Format::Name => {
            checks.iter().filter(|check| check.result == Verdict::Finding).for_each(|check| console.data(check.check))
        }
        Format::Table => {
            for check in checks {
                let word = match check.result {
                    Verdict::Ok => "ok",
                    Verdict::Note => "note",
                    Verdict::Finding => "FAIL",
                };
                let hint = check.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                console.data(&format!("{word:<4}  {:<13}  {}{hint}", check.check, check.detail));
            }
        }
    }
}
