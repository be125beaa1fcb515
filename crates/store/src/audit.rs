//! The audit log: appended in the business transaction. Its canonical bytes are the JSON of RFC 8785 over all fields but
//! `seq`, fixed by version, so that the Merkle log can take old rows.

use certctl_db::Unit;
use certctl_domain::audit::{AuditRecord, Detail};
use serde_json::{Map, Value, json};

use crate::convert::micros;
use crate::entities::audit_events::Model;

/// Version of the canonical form.
pub const CANONICAL_VERSION: u32 = 1;

/// Appends an event.
pub fn append(unit: &mut Unit, record: &AuditRecord) {
    unit.insert(&row(record));
}

fn row(record: &AuditRecord) -> Model {
    Model {
        id: record.id.to_string(),
        seq: None,
        occurred_at: micros(record.occurred_at),
        actor: record.actor.id.clone(),
        actor_type: record.actor.kind.as_str().to_owned(),
        credential_id: record.origin.credential_id.clone(),
        action: record.event.action.as_str().to_owned(),
        resource_type: record.event.action.resource_type().to_owned(),
        resource_id: record.event.resource_id.clone(),
        category: record.event.action.category().as_str().to_owned(),
        request_id: record.origin.request_id.clone(),
        source_ip: record.origin.source_ip.clone(),
        details: details(&record.event.details),
    }
}

/// The details as canonical JSON.
fn details(details: &[(&'static str, Detail)]) -> String {
    let map: Map<String, Value> = details.iter().map(|(name, detail)| ((*name).to_owned(), value(detail))).collect();
    canonical(&Value::Object(map))
}

fn value(detail: &Detail) -> Value {
    match detail {
        Detail::Text(text) => Value::from(text.as_str()),
        Detail::Number(number) => Value::from(*number),
        Detail::Flag(flag) => Value::from(*flag),
        Detail::List(list) => Value::from(list.clone()),
        Detail::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
        Detail::Secret => json!({"$secret": "set"}),
    }
}

/// The canonical bytes of a stored event.
#[must_use]
pub fn canonical_bytes(record: &AuditRecord) -> String {
    let row = row(record);
    let details: Value = serde_json::from_str(&row.details).unwrap_or(Value::Null);
    canonical(&json!({
        "v": CANONICAL_VERSION,
        "id": row.id,
        "occurred_at": record.occurred_at.to_rfc3339(),
        "actor": row.actor,
        "actor_type": row.actor_type,
        "credential_id": row.credential_id,
        "action": row.action,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "category": row.category,
        "request_id": row.request_id,
        "source_ip": row.source_ip,
        "details": details,
    }))
}

fn canonical(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).expect("JSON made of texts, integers and lists has a canonical form")
}
