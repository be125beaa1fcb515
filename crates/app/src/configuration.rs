//! The configuration of a connector on its way between a person and the database: judged by the connector's schema, secrets
//! kept when they are left out, sealed whole where it holds any, and shown masked.

use certctl_connector::{ConfigSchema, FieldError};
use certctl_domain::refusal::{Refusal, Refusals};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::world::App;

/// The connectors that this build links: what is not listed here does not exist, is not documented and cannot be chosen.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Issuers, by type id.
    pub issuers: Vec<ConfigSchema>,
    /// Targets, by type id.
    pub targets: Vec<ConfigSchema>,
}

/// What an edit says about a configuration.
#[derive(Debug, Clone)]
pub enum ConfigInput {
    /// It replaces the stored one, but for secrets that are left out.
    Replace(Value),
    /// It is merged into the stored one (RFC 7396).
    Patch(Value),
}

/// Where a configuration lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a str,
}

/// A configuration as it is stored.
pub(crate) struct Stored {
    /// What may be shown.
    pub(crate) shown: String,
    /// The whole, sealed; absent when nothing in it is secret.
    pub(crate) sealed: Option<Vec<u8>>,
}

const COLUMN: &str = "sealed_config";

impl App {
    /// Prepares a judged configuration for its row.
    pub(crate) fn config_store(&self, schema: &ConfigSchema, place: Place<'_>, config: &Value) -> Result<Stored> {
        let shown = schema.mask(config);
        let sealed = if shown == *config {
            None
        } else {
            let plain = zeroize::Zeroizing::new(config.to_string());
            Some(self.sealer().seal(place.table, COLUMN, place.row, plain.as_bytes())?)
        };
        Ok(Stored { shown: shown.to_string(), sealed })
    }

    /// The whole configuration of a row, secrets opened.
    pub(crate) fn config_open(&self, place: Place<'_>, shown: &str, sealed: Option<&[u8]>) -> Result<Value> {
        let read = |bytes: &[u8]| {
            serde_json::from_slice(bytes).map_err(|error| Error::bug("reading a stored configuration", error))
        };
        match sealed {
            Some(sealed) => read(&self.sealer().open(place.table, COLUMN, place.row, sealed)?),
            None => read(shown.as_bytes()),
        }
    }
}

/// A new configuration, judged; what is wrong is reported under `config`.
pub(crate) fn accept(schema: &ConfigSchema, given: Option<Value>, refusals: &mut Refusals) -> Value {
    let config = given.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    report(schema.check(&config), refusals);
    config
}

/// What an edit makes of a stored configuration, judged.
pub(crate) fn edit(schema: &ConfigSchema, stored: &Value, input: &ConfigInput, refusals: &mut Refusals) -> Value {
    let incoming = match input {
        ConfigInput::Replace(value) => value.clone(),
        ConfigInput::Patch(patch) => {
            let mut shown = schema.mask(stored);
            merge_patch(&mut shown, patch);
            shown
        }
    };
    match schema.merge(stored, &incoming) {
        Ok(merged) => merged,
        Err(errors) => {
            report(errors, refusals);
            incoming
        }
    }
}

fn report(errors: Vec<FieldError>, refusals: &mut Refusals) {
    for error in errors {
        let field = if error.field == "config" { error.field } else { format!("config.{}", error.field) };
        refusals.push(Refusal::invalid(field, error.message));
    }
}

/// Merges a patch (RFC 7396 §2): null removes, an object goes deeper, anything else replaces. An object that only states what
/// is known of a secret is a value, not a way down.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if changes.contains_key(certctl_connector::schema::SECRET) {
        *target = patch.clone();
        return;
    }
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge_patch(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_merge_as_rfc_7396_says() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
            (json!({"p": {"$secret": "set"}}), json!({"p": {"$secret": "clear"}}), json!({"p": {"$secret": "clear"}})),
        ] {
            let mut merged = target.clone();
            merge_patch(&mut merged, &patch);
            assert_eq!(merged, expected, "{target} with {patch}");
        }
    }
}
