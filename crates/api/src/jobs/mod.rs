//! `/jobs`, as operators use it.

pub(crate) mod view;

use certctl_app::jobs::{Cancelled, JobFilter};
use certctl_app::list::NEWEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::JobId;
use certctl_domain::permission::Permission;
use certctl_edge::{Accepted, Either, Json, Listing, Path, Problem, Routes, get, post};
use certctl_wire as wire;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Paging, Query, StrictOrEmpty};
use crate::shared::{filter_id, try_listing};

pub(crate) fn routes() -> Routes {
    Routes::new("jobs")
        .with(get("/api/v1/jobs", job_list).about("Jobs, newest first.").perm(Permission::JobRead))
        .with(get("/api/v1/jobs/{id}", job_get).about("Shows one job.").perm(Permission::JobRead))
        .with(
            post("/api/v1/jobs/{id}/cancel", job_cancel)
                .about("Cancels a job; 202 while somebody works on it and stops at the next safe point.")
                .fails([409])
                .perm(Permission::JobCancel),
        )
        .with(
            post("/api/v1/jobs/{id}/approve", job_approve)
                .about("Approves the request the job waits for.")
                .fails([409])
                .perm(Permission::ApprovalApprove),
        )
        .with(
            post("/api/v1/jobs/{id}/reject", job_reject)
                .about("Rejects the request the job waits for.")
                .fails([409])
                .perm(Permission::ApprovalReject),
        )
        .with(
            get("/api/v1/jobs/{id}/verification", job_verification)
                .about("What the handshake after a deployment returned.")
                .perm(Permission::VerificationRead),
        )
}

/// Which jobs.
#[derive(Debug, Deserialize, ToSchema)]
struct JobQuery {
    /// Only those that stand so.
    status: Option<wire::JobStatus>,
    /// Only those of this kind.
    r#type: Option<wire::JobType>,
    /// Only those about this certificate.
    certificate_id: Option<String>,
    /// Only those of this agent.
    agent_id: Option<String>,
}

async fn job_list(
    app: App,
    caller: Caller,
    query: Query<JobQuery>,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::Job>>, Problem> {
    let query = query.0;
    let kind = match query.r#type.map(view::kind_filter) {
        Some(None) => {
            return Err(Problem::invalid(
                "type",
                "no job of this type is ever made; use Issuance, Renewal, Deployment or TestTarget",
            ));
        }
        Some(kind @ Some(_)) => kind,
        None => None,
    };
    let filter = JobFilter {
        status: query.status.map(view::status_filter),
        kind,
        certificate_id: filter_id("certificate_id", query.certificate_id)?,
        agent_id: filter_id("agent_id", query.agent_id)?,
    };
    let listed = app.job_list(&caller, &filter, &paging.window(NEWEST_FIRST)?).await?;
    try_listing(&paging, &listed, view::job)
}

async fn job_get(app: App, caller: Caller, path: Path<JobId>) -> Result<Json<wire::Job>, Problem> {
    Ok(Json(view::job(&app.job_get(&caller, &path.0).await?)?))
}

async fn job_cancel(
    app: App,
    caller: Caller,
    path: Path<JobId>,
) -> Result<Either<Json<wire::StatusAnswer>, Accepted<wire::StatusAnswer>>, Problem> {
    match app.job_cancel(&caller, &path.0).await? {
        Cancelled::Now => Ok(Either::One(Json(word("job_cancelled")))),
        Cancelled::Requested => Ok(Either::Other(Accepted {
            location: Some(format!("/api/v1/jobs/{}", path.0)),
            body: word("cancel_requested"),
        })),
    }
}

async fn job_approve(app: App, caller: Caller, path: Path<JobId>) -> Result<Json<wire::StatusAnswer>, Problem> {
    app.job_approve(&caller, &path.0).await?;
    Ok(Json(word("job_approved")))
}

async fn job_reject(
    app: App,
    caller: Caller,
    path: Path<JobId>,
    body: StrictOrEmpty<wire::JobReject>,
) -> Result<Json<wire::StatusAnswer>, Problem> {
    app.job_reject(&caller, &path.0, body.0.reason.as_deref()).await?;
    Ok(Json(word("job_rejected")))
}

async fn job_verification(app: App, caller: Caller, path: Path<JobId>) -> Result<Json<wire::Verification>, Problem> {
    Ok(Json(view::verification(&app.job_verification(&caller, &path.0).await?)))
}

fn word(text: &str) -> wire::StatusAnswer {
    wire::StatusAnswer { status: text.to_owned() }
}
