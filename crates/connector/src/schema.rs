//! Configuration as data: which fields a connector has, which of them are secret, and what an editor may do to them.
//!
//! The schema is the only place of a field's default. A connector's typed configuration is read by [`ConfigSchema::parse`],
//! which fills the defaults in first, so that API, form, reference page and connector cannot disagree.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

mod edit;
mod kind;
mod typed;

pub use edit::{SECRET, SecretState};
pub use kind::{parse_duration, parse_mode};
pub use typed::{Argv, Mode, Span};

/// The fields of one connector type, in the order a form shows them.
#[derive(Clone, Copy, Debug)]
pub struct ConfigSchema {
    /// Type id, such as `File`.
    pub connector: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name in the JSON object.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Must be given.
    pub required: bool,
    /// What holds when it is omitted.
    pub default: Default,
    /// Never shown once stored.
    pub secret: bool,
    /// Says where a stored secret is sent: changing it requires the secrets anew.
    pub endpoint: bool,
    /// One sentence for the form and the reference page.
    pub help: &'static str,
}

impl Field {
    /// An optional field without a default.
    pub const fn optional(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, required: false, default: Default::None, secret: false, endpoint: false, help }
    }

    /// A field that must be given.
    pub const fn required(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { required: true, ..Self::optional(name, kind, help) }
    }

    /// The same with a default.
    pub const fn or(self, default: Default) -> Self {
        Self { default, ..self }
    }

    /// The same, kept secret.
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The same, marked as the place that stored secrets are sent to.
    pub const fn endpoint(self) -> Self {
        Self { endpoint: true, ..self }
    }
}

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text without control characters.
    Text,
    /// A whole number between the two bounds, inclusive.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// `"10s"`, `"500ms"`, `"2m"`, `"1h"`; a whole number is nanoseconds, as older clients send it.
    Duration,
    /// An absolute path.
    Path,
    /// An octal permission such as `"0640"`; a whole number is taken as its value.
    Mode,
    /// A program and its arguments: an array, or text split on whitespace. Never a shell line.
    Command,
    /// `host:port`.
    HostPort,
    /// One of these.
    Choice(&'static [&'static str]),
    /// An array of texts.
    TextList,
    /// An object with these fields.
    Object(&'static [Field]),
}

/// A field's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// None: the field is absent.
    None,
    /// Text.
    Text(&'static str),
    /// A number.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// The object made of the defaults of its own fields.
    Object,
}

/// A field that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// Its path, such as `post_deploy_verify.timeout`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { field: field.into(), message: message.to_string() }
    }
}

impl ConfigSchema {
    /// Everything wrong with `config`: unknown names with the nearest known one, missing fields, wrong types and values.
    pub fn check(&self, config: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        match config {
            Value::Object(object) => kind::check_object(self.fields, object, "", &mut errors),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                errors.push(FieldError::new("config", "must be an object"));
            }
        }
        errors
    }

    /// `config` with every omitted field that has a default set to it.
    pub fn with_defaults(&self, config: &Value) -> Value {
        let mut object = config.as_object().cloned().unwrap_or_default();
        fill(self.fields, &mut object);
        Value::Object(object)
    }

    /// Checks `config`, fills the defaults in and reads it as `T`.
    ///
    /// # Errors
    /// All refusals at once. `T` must accept what the schema accepts; where it does not, the refusal is on `config`.
    pub fn parse<T: DeserializeOwned>(&self, config: &Value) -> Result<T, Vec<FieldError>> {
        let errors = self.check(config);
        if !errors.is_empty() {
            return Err(errors);
        }
        serde_json::from_value(self.with_defaults(config)).map_err(|error| vec![FieldError::new("config", error)])
    }

    /// The schema as the API serves it.
    pub fn to_json(&self) -> Value {
        json!({ "type": self.connector, "fields": fields_to_json(self.fields) })
    }
}

fn fill(fields: &[Field], object: &mut Map<String, Value>) {
    for field in fields {
        let value = object.get_mut(field.name).filter(|value| !value.is_null());
        match (field.kind, value) {
            (Kind::Object(inner), Some(Value::Object(object))) => fill(inner, object),
            (_, Some(_)) => {}
            (_, None) => {
                object.remove(field.name);
                if let Some(default) = default_value(field) {
                    object.insert(field.name.to_owned(), default);
                }
            }
        }
    }
}

fn default_value(field: &Field) -> Option<Value> {
    match field.default {
        Default::None => None,
        Default::Text(text) => Some(text.into()),
        Default::Integer(number) => Some(number.into()),
        Default::Boolean(value) => Some(value.into()),
        Default::Object => {
            let mut object = Map::new();
            if let Kind::Object(inner) = field.kind {
                fill(inner, &mut object);
            }
            Some(Value::Object(object))
        }
    }
}

fn fields_to_json(fields: &[Field]) -> Vec<Value> {
    fields.iter().map(field_to_json).collect()
}

fn field_to_json(field: &Field) -> Value {
    let mut shown = json!({
        "name": field.name,
        "type": field.kind.name(),
        "required": field.required,
        "secret": field.secret,
        "help": field.help,
    });
    if let Some(default) = default_value(field) {
        shown["default"] = default;
    }
    if let Kind::Choice(choices) = field.kind {
        shown["choices"] = json!(choices);
    }
    if let Kind::Object(inner) = field.kind {
        shown["fields"] = fields_to_json(inner).into();
    }
    shown
}

/// The candidate closest to `name`, if one is close enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE_ENOUGH: f64 = 0.6;
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(closeness, _)| *closeness >= CLOSE_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
