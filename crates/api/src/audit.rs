//! The audit log, read.

use certctl_app::audit::{EventFilter, StoredEvent};
use certctl_app::list::NEWEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::audit::Category;
use certctl_domain::ids::EventId;
use certctl_domain::permission::Permission;
use certctl_edge::{Json, Listing, Path, Problem, Routes, get};
use certctl_pki::Timestamp;
use certctl_wire as wire;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Paging, Query};
use crate::view::{actor_type, time};

pub(crate) fn routes() -> Routes {
    Routes::new("audit")
        .with(get("/api/v1/audit", audit_list).about("Audit events, newest first.").perm(Permission::AuditRead))
        .with(get("/api/v1/audit/{id}", audit_get).about("One audit event, by its own id.").perm(Permission::AuditRead))
}

/// Which events.
#[derive(Debug, Deserialize, ToSchema)]
struct AuditQuery {
    /// Of this category.
    category: Option<AuditCategory>,
    /// From this instant on, RFC 3339.
    since: Option<String>,
    /// Before this instant, RFC 3339.
    until: Option<String>,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AuditCategory {
    CertLifecycle,
    Auth,
    Config,
    Approval,
    Access,
}

async fn audit_list(
    app: App,
    caller: Caller,
    Query(query): Query<AuditQuery>,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::AuditEvent>>, Problem> {
    let filter = EventFilter {
        category: query.category.map(category),
        since: instant("since", query.since.as_deref())?,
        until: instant("until", query.until.as_deref())?,
    };
    let listed = app.audit_list(&caller, &filter, &paging.window(NEWEST_FIRST)?).await?;
    let next = listed.next.map(|cursor| cursor.to_text());
    Ok(Listing(paging.page(listed.items.into_iter().map(show).collect(), listed.total, next)))
}

async fn audit_get(app: App, caller: Caller, Path(id): Path<EventId>) -> Result<Json<wire::AuditEvent>, Problem> {
    Ok(Json(show(app.audit_get(&caller, &id).await?)))
}

fn category(category: AuditCategory) -> Category {
    match category {
        AuditCategory::CertLifecycle => Category::CertLifecycle,
        AuditCategory::Auth => Category::Auth,
        AuditCategory::Config => Category::Config,
        AuditCategory::Approval => Category::Approval,
        AuditCategory::Access => Category::Access,
    }
}

fn instant(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let read = text.map(Timestamp::parse_rfc3339).transpose();
    read.map_err(|_| Problem::invalid(field, "is an RFC 3339 time such as 2027-01-31T12:00:00Z"))
}

fn show(event: StoredEvent) -> wire::AuditEvent {
    wire::AuditEvent {
        id: event.id.to_string(),
        actor: event.actor.id,
        actor_type: actor_type(event.actor.kind),
        action: event.action,
        resource_type: event.resource_type,
        resource_id: event.resource_id,
        details: serde_json::from_str(&event.details).unwrap_or_default(),
        timestamp: time(event.occurred_at),
        event_category: Some(event.category.as_str().to_owned()),
        seq: event.seq,
        credential_id: event.credential_id,
        request_id: event.request_id,
        source_ip: event.source_ip,
    }
}
