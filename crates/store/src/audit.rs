//! The audit log: appended in the business transaction. Its canonical bytes are the JSON of RFC 8785 over all fields but
//! `seq`, fixed by version, so that the Merkle log can take old rows.

use certctl_db::{Db, DbError, Unit};
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::audit::{AuditRecord, Category, Detail};
use certctl_domain::ids::EventId;
use certctl_pki::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryTrait, Select};
use serde_json::{Map, Value, json};

use crate::convert::{id, micros, time, word};
use crate::entities::audit_events::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};

/// Version of the canonical form.
pub const CANONICAL_VERSION: u32 = 1;

/// An event as it was stored. Its action and resource are texts: another version of the program may have written them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: EventId,
    /// Its place in the Merkle log, once it has one.
    pub seq: Option<i64>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The credential it was done with.
    pub credential_id: Option<String>,
    /// What happened.
    pub action: String,
    /// To what sort of thing.
    pub resource_type: String,
    /// To which one.
    pub resource_id: String,
    /// What it is about.
    pub category: Category,
    /// The request it happened in.
    pub request_id: Option<String>,
    /// Where that request came from.
    pub source_ip: Option<String>,
    /// What is needed to do it again, a JSON object.
    pub details: String,
}

/// Which events. All that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// About this.
    pub category: Option<Category>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// The event with this id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, id: &EventId) -> Result<Option<Stored>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// Events, newest first.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn list(db: &Db, filter: &Filter, window: &Window) -> Result<Listed<Stored>, DbError> {
    let by = ByTime::newest_first(Column::OccurredAt, Column::Id);
    list::page(db, filtered(filter), by, window, |row| (row.occurred_at, row.id.clone()), read).await
}

fn filtered(filter: &Filter) -> Select<Entity> {
    Entity::find()
        .apply_if(filter.category, |query, category| query.filter(Column::Category.eq(category.as_str())))
        .apply_if(filter.since, |query, since| query.filter(Column::OccurredAt.gte(micros(since))))
        .apply_if(filter.until, |query, until| query.filter(Column::OccurredAt.lt(micros(until))))
}

fn read(row: Model) -> Result<Stored, DbError> {
    const TABLE: &str = "audit_events";
    Ok(Stored {
        id: id(TABLE, "id", &row.id, EventId::parse)?,
        seq: row.seq,
        occurred_at: time(row.occurred_at),
        actor: Actor { id: row.actor, kind: word(TABLE, "actor_type", &row.actor_type, ActorType::parse)? },
        credential_id: row.credential_id,
        action: row.action,
        resource_type: row.resource_type,
        resource_id: row.resource_id,
        category: word(TABLE, "category", &row.category, Category::parse)?,
        request_id: row.request_id,
        source_ip: row.source_ip,
        details: row.details,
    })
}

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
