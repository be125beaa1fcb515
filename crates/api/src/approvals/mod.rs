//! `/approvals`.

pub(crate) mod view;

use certctl_app::approvals::ApprovalFilter;
use certctl_app::list::NEWEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::ApprovalId;
use certctl_domain::permission::Permission;
use certctl_edge::{Json, Listing, Path, Problem, Routes, get, post};
use certctl_wire as wire;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Paging, Query, StrictOrEmpty};
use crate::shared::{filter_id, listing};

pub(crate) fn routes() -> Routes {
    Routes::new("approvals")
        .with(
            get("/api/v1/approvals", approval_list)
                .about("Requests for a second person, newest first.")
                .perm(Permission::ApprovalRead),
        )
        .with(get("/api/v1/approvals/{id}", approval_get).about("Shows one request.").perm(Permission::ApprovalRead))
        .with(
            post("/api/v1/approvals/{id}/approve", approval_approve)
                .about("Lets the issuance go on, or applies the edit; neither by who asked for it.")
                .fails([409])
                .perm(Permission::ApprovalApprove),
        )
        .with(
            post("/api/v1/approvals/{id}/reject", approval_reject)
                .about("Cancels the issuance, or drops the edit; neither by who asked for it.")
                .fails([409])
                .perm(Permission::ApprovalReject),
        )
}

/// Which requests.
#[derive(Debug, Deserialize, ToSchema)]
struct ApprovalQuery {
    /// Only those in this state.
    state: Option<wire::ApprovalState>,
    /// Only those for this certificate.
    certificate_id: Option<String>,
    /// Only those this actor asked for.
    requested_by: Option<String>,
}

async fn approval_list(
    app: App,
    caller: Caller,
    query: Query<ApprovalQuery>,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::Approval>>, Problem> {
    let filter = ApprovalFilter {
        state: query.0.state.map(view::state),
        certificate_id: filter_id("certificate_id", query.0.certificate_id)?,
        requested_by: query.0.requested_by,
    };
    let listed = app.approval_list(&caller, &filter, &paging.window(NEWEST_FIRST)?).await?;
    Ok(listing(&paging, &listed, view::approval))
}

async fn approval_get(app: App, caller: Caller, path: Path<ApprovalId>) -> Result<Json<wire::Approval>, Problem> {
    Ok(Json(view::approval(&app.approval_get(&caller, &path.0).await?)))
}

async fn approval_approve(
    app: App,
    caller: Caller,
    path: Path<ApprovalId>,
    body: StrictOrEmpty<wire::ApprovalDecision>,
) -> Result<Json<wire::ApprovalDecided>, Problem> {
    let approval = app.approval_approve(&caller, &path.0, body.0.note.as_deref()).await?;
    Ok(Json(view::decided(&approval, wire::ApprovalAction::Approved)))
}

async fn approval_reject(
    app: App,
    caller: Caller,
    path: Path<ApprovalId>,
    body: StrictOrEmpty<wire::ApprovalDecision>,
) -> Result<Json<wire::ApprovalDecided>, Problem> {
    let approval = app.approval_reject(&caller, &path.0, body.0.note.as_deref()).await?;
    Ok(Json(view::decided(&approval, wire::ApprovalAction::Rejected)))
}
