//! Issuers: configured connectors that sign. Those the product made for itself are neither listed nor selectable.

mod create;
mod delete;
mod read;
mod test;
mod update;

pub use create::NewIssuer;
pub use update::IssuerInput;

use certctl_connector::ConfigSchema;
use certctl_domain::audit::{Action, Detail, Event};
use certctl_domain::issuer::{self, Issuer, LOCAL_CA};
use certctl_domain::refusal::{Refusal, Refusals};
use serde_json::Value;

use crate::configuration::Place;
use crate::edit::Subject;
use crate::error::Result;
use crate::world::App;

pub(crate) const ISSUER: Subject = Subject { what: "issuer", table: "issuers" };

impl App {
    /// The schema of a type of issuer, by its name or an alias, or a refusal that lists those there are.
    fn issuer_schema(&self, kind: &str, refusals: &mut Refusals) -> Option<ConfigSchema> {
        let known = &self.catalogue().issuers;
        let name = issuer::canonical_kind(kind).unwrap_or(kind);
        let found = known.iter().find(|schema| schema.connector == name).copied();
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|schema| schema.connector).collect();
            let message =
                if kind.is_empty() { "is required".to_owned() } else { format!("unsupported issuer type {kind:?}") };
            refusals.push(Refusal::invalid("type", format!("{message}; use one of {}", names.join(", "))));
        }
        found
    }

    /// Makes the certificate authorities of a local issuer, unless its configuration names files or it has them.
    pub(crate) async fn issuer_ready(&self, issuer: &Issuer) -> Result<()> {
        let config = self.config_open(place(issuer), &issuer.config, issuer.sealed_config.as_deref())?;
        if issuer.kind != LOCAL_CA || text(&config, "ca_cert_path").is_some() {
            return Ok(());
        }
        self.ca_ensure(&issuer.id, text(&config, "ca_common_name").unwrap_or(CA_NAME)).await
    }
}

/// The name of a local CA whose configuration names none.
const CA_NAME: &str = "CertCtl Local CA";

fn text<'a>(config: &'a Value, field: &str) -> Option<&'a str> {
    config.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn place(issuer: &Issuer) -> Place<'_> {
    Place { table: "issuers", row: issuer.id.as_str() }
}

/// The event of a change, with all of it but the secrets.
pub(crate) fn event(action: Action, issuer: &Issuer) -> Event {
    Event::new(action, &issuer.id)
        .with("name", issuer.name.as_str())
        .with("type", issuer.kind.as_str())
        .with("enabled", issuer.enabled)
        .with("config", Detail::Json(issuer.config.clone()))
        .with("revision", issuer.revision)
}
