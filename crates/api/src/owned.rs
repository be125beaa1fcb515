//! Fields that only the server writes. A client that sends back what it read is not punished for it; one that wants to change
//! them is told.

use certctl_edge::{Problem, ProblemDetail};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

/// Accepts fields of the server that equal the stored resource as it is shown.
///
/// # Errors
/// 422 naming each that differs.
pub fn check_server_owned(sent: &Map<String, Value>, shown: &impl Serialize) -> Result<(), Problem> {
    if sent.is_empty() {
        return Ok(());
    }
    let shown = serde_json::to_value(shown).map_err(|error| Problem::internal(&error))?;
    let stored = |name: &str| shown.get(name).unwrap_or(&Value::Null);
    let differing = sent.iter().filter(|(name, value)| *value != stored(name) && !is_empty(value, stored(name)));
    let details: Vec<ProblemDetail> = differing
        .map(|(name, _)| ProblemDetail {
            field: name.clone(),
            message: "is written by the server; leave it out".to_owned(),
        })
        .collect();
    if details.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = details.iter().map(|detail| detail.field.as_str()).collect();
    let message = format!("{}: written by the server; leave it out", names.join(", "));
    let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "server_owned", message);
    problem.details = details;
    Err(problem)
}

/// An absent value may be written as `null` or as an empty text or list.
fn is_empty(sent: &Value, stored: &Value) -> bool {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    empty(sent) && empty(stored)
}
