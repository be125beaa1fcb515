//! Looks at the agent's own side and at the way to the server: one line per finding or fact.

use std::{io::Write, path::Path, process::ExitCode};

use certctl_client::Client;
use certctl_pki::Timestamp;
use certctl_targets::{Policy, Site};

use crate::{
    clock,
    config::{Admission, Config},
    files,
    identity::Identity,
    link,
};

/// Exit code when something was found.
const FINDING: u8 = 20;

/// Looks at everything and prints it.
pub(crate) async fn examine(config: &Config) -> ExitCode {
    let mut sheet = Sheet::default();
    sheet.host(config);
    sheet.identity(config);
    match link::client(config) {
        Ok(client) => sheet.server(&client).await,
        Err(error) => sheet.found("server", error.to_string()),
    }
    sheet.print()
}

#[derive(Default)]
struct Sheet {
    lines: Vec<(bool, String)>,
}

impl Sheet {
    fn fine(&mut self, what: &str, detail: impl std::fmt::Display) {
        self.lines.push((true, format!("ok       {what}: {detail}")));
    }

    fn found(&mut self, what: &str, detail: impl std::fmt::Display) {
        self.lines.push((false, format!("finding  {what}: {detail}")));
    }

    fn note<E: std::fmt::Display>(&mut self, what: &str, result: Result<impl std::fmt::Display, E>) {
        match result {
            Ok(detail) => self.fine(what, detail),
            Err(error) => self.found(what, error),
        }
    }

    fn host(&mut self, config: &Config) {
        for (what, path) in [("state directory", &config.state_dir), ("key directory", &config.key_dir)] {
            self.note(what, directory(path));
        }
        match Policy::load(&config.policy_path, rustix::process::geteuid().as_raw()) {
            Ok(policy) => {
                let built_in =
                    if policy.is_built_in() { "does not exist; the built-in policy holds" } else { "is in force" };
                self.fine("policy", format!("{} {built_in}", policy.source().display()));
                if let Err(error) = Site::open(&config.state_dir, policy) {
                    self.found("state directory", error);
                }
            }
            Err(error) => self.found("policy", chain(&error)),
        }
    }

    fn identity(&mut self, config: &Config) {
        let token = match &config.admission {
            Admission::Given { agent_id, .. } => {
                return self.fine("identity", format!("{agent_id}, by a key given from outside"));
            }
            Admission::Enrol { token } => token,
        };
        match Identity::load(&config.state_dir) {
            Ok(Some(identity)) => {
                let now = clock::now();
                let until = identity.certificate().map_or(Timestamp::MIN, |leaf| leaf.not_after());
                let who = &identity.agent_id;
                if until > now {
                    self.fine("identity", format!("{who}, valid until {until}"));
                } else {
                    self.found("identity", format!("{who} expired at {until}; a running agent renews it by its key"));
                }
            }
            Ok(None) if token.is_some() => self.fine("identity", "none yet; a token is there to enrol with"),
            Ok(None) => self.found("identity", "none yet and no token; set CERTCTL_AGENT_BOOTSTRAP_TOKEN_FILE"),
            Err(error) => self.found("identity", chain(&error)),
        }
    }

    async fn server(&mut self, client: &Client) {
        let addresses = match client.addresses().await {
            Ok(addresses) => addresses,
            Err(error) => return self.found("name", error),
        };
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        self.fine("name", list.join(", "));
        for address in addresses {
            if let Err(error) = client.connect(address).await {
                self.found("connection", error);
                continue;
            }
            match client.handshake(address).await {
                Ok(seen) => self.fine("TLS", format!("{address}: {}, {}", seen.version, seen.key_exchange)),
                Err(error) => self.found("TLS", error),
            }
        }
        match client.http_probe().await {
            Ok(probe) => self.fine("server", format!("{} answered {}", client.server(), probe.status)),
            Err(error) => self.found("server", error),
        }
    }

    fn print(self) -> ExitCode {
        let found = self.lines.iter().any(|(fine, _)| !fine);
        let text: String = self.lines.into_iter().map(|(_, line)| line + "\n").collect();
        let printed = std::io::stdout().write_all(text.as_bytes()).is_ok();
        match (found, printed) {
            (true, _) => ExitCode::from(FINDING),
            (false, true) => ExitCode::SUCCESS,
            (false, false) => ExitCode::FAILURE,
        }
    }
}

fn directory(path: &Path) -> Result<String, String> {
    let found = |error: std::io::Error| format!("{} {error}", path.display());
    files::private_directory(path).map_err(found)?;
    let probe = path.join("doctor.tmp");
    std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)).map_err(found)?;
    Ok(format!("{} is ours alone and can be written", path.display()))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
