//! Issuers between the wire and the use cases.

use certctl_app::configuration::ConfigInput;
use certctl_app::issuers::{IssuerInput, NewIssuer};
use certctl_domain::issuer::Issuer;
use certctl_edge::Problem;
use certctl_wire as wire;
use serde_json::Value;

use crate::view::{time, time_opt};

/// An issuer as it is shown; its configuration was masked when it was stored.
pub(crate) fn issuer(issuer: &Issuer) -> Result<wire::Issuer, Problem> {
    Ok(wire::Issuer {
        id: issuer.id.to_string(),
        name: issuer.name.clone(),
        r#type: issuer.kind.clone(),
        config: config(&issuer.config)?,
        enabled: issuer.enabled,
        last_tested_at: time_opt(issuer.last_tested_at),
        test_status: wire::TestStatus::parse(&issuer.test_status),
        source: Some(issuer.source.clone()),
        hierarchy_mode: Some("single".to_owned()),
        created_at: time(issuer.created_at),
        updated_at: time(issuer.updated_at),
        revision: issuer.revision,
    })
}

/// A stored configuration as JSON.
pub(crate) fn config(text: &str) -> Result<Value, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::internal(&error))
}

pub(super) fn new(body: wire::IssuerCreate) -> NewIssuer {
    NewIssuer {
        id: body.id,
        name: body.name,
        kind: body.r#type,
        config: body.config,
        enabled: body.enabled,
        hierarchy_mode: body.hierarchy_mode,
    }
}

pub(super) fn change(body: wire::IssuerUpdate) -> IssuerInput {
    IssuerInput { name: body.name, config: body.config.map(ConfigInput::Replace), enabled: body.enabled }
}

pub(super) fn patch(body: wire::IssuerUpdate) -> IssuerInput {
    IssuerInput { name: body.name, config: body.config.map(ConfigInput::Patch), enabled: body.enabled }
}
