//! `/certificates`: records, versions, what is served where, and why.

mod query;
mod view;
mod write;

use certctl_app::list::Total;
use certctl_app::{App, Caller};
use certctl_domain::ids::{CertificateId, TargetId};
use certctl_domain::permission::Permission;
use certctl_edge::{
    Accepted, Entity, IfMatch, Json, Listing, NoContent, Path, Problem, Routes, delete, get, patch, post, put,
};
use certctl_wire as wire;
use serde::Deserialize;
use utoipa::ToSchema;

use self::query::{CertificateQuery, cursor_text, filter, page};
use crate::extract::{Paging, Query, Strict, StrictOrEmpty};

const ALL: &str = "/api/v1/certificates";
const ONE: &str = "/api/v1/certificates/{id}";

pub(crate) fn routes() -> Routes {
    Routes::new("certificates")
        .with(get(ALL, certificate_list).about("Certificates, oldest first unless sorted otherwise.").perm(Permission::CertRead))
        .with(
            post(ALL, write::certificate_create)
                .about("Creates a record; with issue=true asks for the certificate at once: 201 when it is issued, 202 while the work goes on.")
                .keeps_answers()
                .fails([409, 422])
                .perm(Permission::CertIssue),
        )
        .with(get(ONE, certificate_get).about("One certificate.").perm(Permission::CertRead))
        .with(
            put(ONE, write::certificate_update)
                .about("Changes the fields that are given and keeps the rest.")
                .fails([409, 422])
                .perm(Permission::CertEdit),
        )
        .with(
            patch(ONE, write::certificate_patch)
                .about("Merges a patch (RFC 7396).")
                .fails([409, 422])
                .perm(Permission::CertEdit),
        )
        .with(
            delete(ONE, certificate_archive)
                .about("Archives a certificate: nobody renews it any more.")
                .fails([409])
                .perm(Permission::CertDelete),
        )
        .with(get("/api/v1/certificates/{id}/versions", certificate_versions).about("Issued versions, newest first.").perm(Permission::CertRead))
        .with(get("/api/v1/certificates/{id}/deployments", certificate_deployments).about("What should be served where, and what is.").perm(Permission::CertRead))
        .with(get("/api/v1/certificates/{id}/targets", certificate_targets).about("The targets of the certificate.").perm(Permission::CertRead))
        .with(
            put("/api/v1/certificates/{id}/targets", certificate_targets_set)
                .about("Sets the targets; what is new is deployed without further asking.")
                .fails([422])
                .perm(Permission::CertEdit),
        )
        .with(get("/api/v1/certificates/{id}/why", certificate_why).about("Why it is as it is, and what happens next.").perm(Permission::CertRead))
        .with(
            post("/api/v1/certificates/{id}/renew", certificate_renew)
                .about("Asks for the next version, or the first.")
                .keeps_answers()
                .fails([409, 422])
                .perm(Permission::CertIssue),
        )
        .with(
            post("/api/v1/certificates/{id}/deploy", certificate_deploy)
                .about("Deploys the current version again.")
                .fails([409, 422])
                .perm(Permission::CertEdit),
        )
}

async fn certificate_list(
    app: App,
    caller: Caller,
    query: Query<CertificateQuery>,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::Certificate>>, Problem> {
    let filter = filter(&query.0)?;
    let (page, key) = page(&query.0, &paging)?;
    let listed = app.certificate_list(&caller, &filter, &page, paging.exact).await?;
    let next = listed.next.as_ref().map(|(after, id)| cursor_text(key, after, id));
    let rows = listed.rows.iter().map(view::certificate).collect();
    let mut answer = paging.page(rows, Total { rows: listed.total.count, is_minimum: listed.total.at_least }, next);
    answer.total_as_of = listed.total_as_of.map(crate::view::time);
    Ok(Listing(answer))
}

async fn certificate_get(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
) -> Result<Entity<wire::Certificate>, Problem> {
    let view = app.certificate_get(&caller, &path.0).await?;
    Ok(Entity { revision: view.certificate.revision, body: view::certificate(&view) })
}

/// How to archive.
#[derive(Debug, Deserialize, ToSchema)]
struct ArchiveQuery {
    /// Archive although it is installed at active targets.
    #[serde(default)]
    force: bool,
}

async fn certificate_archive(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
    expected: IfMatch,
    query: Query<ArchiveQuery>,
) -> Result<NoContent, Problem> {
    app.certificate_archive(&caller, &path.0, expected.0, query.0.force).await?;
    Ok(NoContent)
}

async fn certificate_versions(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::CertificateVersion>>, Problem> {
    if paging.cursor().is_some() {
        return Err(Problem::invalid("cursor", "versions are read by page; use page and per_page"));
    }
    let versions = app.certificate_versions(&caller, &path.0, paging.offset(), u64::from(paging.limit)).await?;
    let rows = versions.rows.iter().map(view::version).collect::<Result<Vec<_>, _>>()?;
    Ok(Listing(paging.page(rows, Total { rows: versions.total, is_minimum: false }, None)))
}

async fn certificate_deployments(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
) -> Result<Json<wire::Deployments>, Problem> {
    let mappings = app.certificate_targets(&caller, &path.0).await?;
    let data =
        mappings.iter().map(|(mapping, target)| view::deployment(mapping, target)).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(wire::Deployments { total: data.len() as u64, data }))
}

async fn certificate_targets(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
) -> Result<Json<wire::Deployments>, Problem> {
    certificate_deployments(app, caller, path).await
}

async fn certificate_targets_set(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
    body: Strict<wire::TargetsSet>,
) -> Result<Json<wire::Deployments>, Problem> {
    let targets = write::target_ids("target_ids", &body.value.target_ids)?;
    let mappings = app.certificate_targets_set(&caller, &path.0, &targets).await?;
    let data =
        mappings.iter().map(|(mapping, target)| view::deployment(mapping, target)).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(wire::Deployments { total: data.len() as u64, data }))
}

async fn certificate_why(app: App, caller: Caller, path: Path<CertificateId>) -> Result<Json<wire::Why>, Problem> {
    let why = app.certificate_why(&caller, &path.0).await?;
    Ok(Json(view::why(&why, app.now())))
}

/// How to renew.
#[derive(Debug, Deserialize, ToSchema)]
struct RenewQuery {
    /// Answer with the open job where one is under way.
    #[serde(default)]
    force: bool,
}

async fn certificate_renew(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
    query: Query<RenewQuery>,
    body: StrictOrEmpty<wire::Renew>,
) -> Result<Accepted<wire::RenewAnswer>, Problem> {
    let force = query.0.force || body.0.force.unwrap_or(false);
    let renewed = app.certificate_renew(&caller, &path.0, body.0.csr_pem.as_deref(), force).await?;
    let job_ids: Vec<String> = renewed.job_ids.iter().map(ToString::to_string).collect();
    let job_id = job_ids.first().cloned().unwrap_or_default();
    let body = wire::RenewAnswer { status: "renewal_triggered".to_owned(), job_id: job_id.clone(), job_ids };
    Ok(Accepted { location: Some(format!("/api/v1/jobs/{job_id}")), body })
}

async fn certificate_deploy(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
    body: StrictOrEmpty<wire::Deploy>,
) -> Result<Accepted<wire::DeployAnswer>, Problem> {
    let target = body
        .0
        .target_id
        .as_deref()
        .map(TargetId::parse)
        .transpose()
        .map_err(|error| Problem::invalid("target_id", error.to_string()))?;
    let jobs = app.certificate_deploy(&caller, &path.0, target.as_ref()).await?;
    let job_ids: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    let location = job_ids.first().map(|id| format!("/api/v1/jobs/{id}"));
    Ok(Accepted { location, body: wire::DeployAnswer { status: "deployment_triggered".to_owned(), job_ids } })
}
