//! Showing and editing a configuration that holds secrets: they can be set, kept and removed, never read.

use serde_json::{Map, Value, json};

use super::{ConfigSchema, Field, FieldError, Kind};

/// Key of the object that stands for a secret: `{"$secret": "set"}`.
pub const SECRET: &str = "$secret";

/// What an editor says about a stored secret without knowing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretState {
    /// `{"$secret": "set"}`: one is stored; sent back, it means "keep".
    Set,
    /// `{"$secret": "clear"}`: remove it.
    Clear,
}

impl SecretState {
    /// Reads the object form; `None` for anything else, a literal string above all.
    pub fn of(value: &Value) -> Option<Self> {
        match value.as_object()?.get(SECRET)?.as_str()? {
            "set" => Some(Self::Set),
            "clear" => Some(Self::Clear),
            _ => None,
        }
    }
}

impl ConfigSchema {
    /// The configuration as it may be shown: every secret replaced by `{"$secret": "set"}`, at any depth.
    pub fn mask(&self, config: &Value) -> Value {
        let mut shown = config.clone();
        if let Value::Object(object) = &mut shown {
            mask_object(self.fields, object);
        }
        shown
    }

    /// What an update makes of the `stored` configuration: `incoming` replaces it, except that a secret left out or sent
    /// back as `{"$secret": "set"}` is kept and `{"$secret": "clear"}` removes it.
    ///
    /// # Errors
    /// Everything [`ConfigSchema::check`] refuses in the result, and a kept secret whose endpoint field changed: it would
    /// be sent to a host that whoever stored it never saw.
    pub fn merge(&self, stored: &Value, incoming: &Value) -> Result<Value, Vec<FieldError>> {
        let mut merged = incoming.clone();
        let mut errors = Vec::new();
        if let (Value::Object(merged), Some(stored)) = (&mut merged, stored.as_object()) {
            let moved = moved_endpoint(self.fields, stored, merged);
            merge_object(self.fields, stored, merged, moved.as_deref(), "", &mut errors);
        }
        errors.extend(self.check(&merged));
        if errors.is_empty() { Ok(merged) } else { Err(errors) }
    }
}

fn mask_object(fields: &[Field], object: &mut Map<String, Value>) {
    for field in fields {
        match (field.kind, object.get_mut(field.name)) {
            (_, None | Some(Value::Null)) => {}
            (_, Some(value)) if field.secret => *value = json!({ SECRET: "set" }),
            (Kind::Object(inner), Some(Value::Object(object))) => mask_object(inner, object),
            (_, Some(_)) => {}
        }
    }
}

fn merge_object(
    fields: &[Field],
    stored: &Map<String, Value>,
    merged: &mut Map<String, Value>,
    moved: Option<&str>,
    prefix: &str,
    errors: &mut Vec<FieldError>,
) {
    for field in fields {
        let path = format!("{prefix}{}", field.name);
        if field.secret {
            merge_secret(field, stored, merged, moved, &path, errors);
        } else if let Kind::Object(inner) = field.kind
            && let Some(Value::Object(below)) = stored.get(field.name)
            && let Some(Value::Object(object)) = merged.get_mut(field.name)
        {
            merge_object(inner, below, object, moved, &format!("{path}."), errors);
        }
    }
}

fn merge_secret(
    field: &Field,
    stored: &Map<String, Value>,
    merged: &mut Map<String, Value>,
    moved: Option<&str>,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let keep = match merged.get(field.name) {
        None | Some(Value::Null) => true,
        Some(value) => match SecretState::of(value) {
            Some(SecretState::Set) => true,
            Some(SecretState::Clear) => {
                merged.remove(field.name);
                false
            }
            None => false,
        },
    };
    let Some(kept) = stored.get(field.name).filter(|_| keep) else { return };
    if let Some(endpoint) = moved {
        errors.push(FieldError::new(path, format!("must be given again because {endpoint} changed")));
    }
    merged.insert(field.name.to_owned(), kept.clone());
}

/// The first endpoint field whose value the update changes.
fn moved_endpoint(fields: &[Field], stored: &Map<String, Value>, merged: &Map<String, Value>) -> Option<String> {
    fields.iter().find_map(|field| match (field.kind, stored.get(field.name), merged.get(field.name)) {
        (Kind::Object(inner), Some(Value::Object(stored)), Some(Value::Object(merged))) => {
            moved_endpoint(inner, stored, merged).map(|below| format!("{}.{below}", field.name))
        }
        (_, before, after) if field.endpoint && before != after => Some(field.name.to_owned()),
        _ => None,
    })
}
