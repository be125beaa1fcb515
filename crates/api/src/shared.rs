//! What the handlers of several resources do alike: pages of a list, and null in a patch.

use std::str::FromStr;

use certctl_app::list::{Cursor, Listed};
use certctl_domain::ids::IdError;
use certctl_edge::{Listing, Problem};
use certctl_wire::{Body, Page};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::extract::{Paging, Strict};

/// A page as it is shown.
pub(crate) fn listing<T, W>(paging: &Paging, listed: &Listed<T>, show: impl Fn(&T) -> W) -> Listing<Page<W>> {
    let rows = listed.items.iter().map(show).collect();
    Listing(paging.page(rows, listed.total, listed.next.as_ref().map(Cursor::to_text)))
}

/// A page whose rows may turn out unreadable.
///
/// # Errors
/// That of the first such row.
pub(crate) fn try_listing<T, W>(
    paging: &Paging,
    listed: &Listed<T>,
    show: impl Fn(&T) -> Result<W, Problem>,
) -> Result<Listing<Page<W>>, Problem> {
    let rows = listed.items.iter().map(show).collect::<Result<Vec<W>, Problem>>()?;
    Ok(Listing(paging.page(rows, listed.total, listed.next.as_ref().map(Cursor::to_text))))
}

/// The body of a patch (RFC 7396): a field that is null gets the value it has in a `fresh` resource, and no value where a
/// fresh one has none, which is refused where there must be one.
///
/// # Errors
/// Only defects: both are types of ours.
pub(crate) fn patched<B: Body + Serialize>(body: Strict<B>, fresh: &impl Serialize) -> Result<B, Problem> {
    if body.cleared.is_empty() {
        return Ok(body.value);
    }
    let mut fields = object(&body.value)?;
    let fresh = object(fresh)?;
    for name in body.cleared {
        let value = fresh.get(&name).cloned().unwrap_or_else(|| Value::String(String::new()));
        fields.insert(name, value);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| Problem::internal(&error))
}

/// Writes the fields of a resource as it is shown over those of `fields`.
pub(crate) fn overlay(fields: &mut Value, shown: &impl Serialize) {
    if let (Value::Object(fields), Ok(Value::Object(shown))) = (fields, serde_json::to_value(shown)) {
        fields.extend(shown);
    }
}

fn object(value: &impl Serialize) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(value).map_err(|error| Problem::internal(&error))? {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Ok(Map::new()),
    }
}

/// An id to filter by.
///
/// # Errors
/// 400 naming the parameter, for what cannot be an id.
pub(crate) fn filter_id<T: FromStr<Err = IdError>>(name: &str, text: Option<String>) -> Result<Option<T>, Problem> {
    let read = text.map(|text| text.parse()).transpose();
    read.map_err(|error: IdError| Problem::invalid(name, error.to_string()))
}

/// The fields of the server as a new resource has them, for bodies that create one.
pub(crate) fn newborn() -> Value {
    serde_json::json!({
        "revision": 1,
        "test_status": "untested",
        "source": "database",
        "created_at": certctl_wire::NEVER,
        "updated_at": certctl_wire::NEVER,
    })
}
