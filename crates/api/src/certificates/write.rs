//! Creating and editing certificates.

use certctl_app::certificates::{CertificateChange, Created as Made, NewCertificate};
use certctl_app::{App, Caller};
use certctl_domain::ids::{CertificateId, TargetId};
use certctl_edge::{Accepted, Created, Either, Entity, IfMatch, Path, Problem};
use certctl_wire as wire;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{ALL, view};
use crate::check_server_owned;
use crate::extract::{Query, Strict};
use crate::shared::patched;

/// How to create.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateQuery {
    /// Ask for the certificate at once.
    #[serde(default)]
    issue: bool,
}

type CreateAnswer = Either<Created<wire::CertificateCreated>, Accepted<wire::CertificateCreated>>;

pub(super) async fn certificate_create(
    app: App,
    caller: Caller,
    query: Query<CreateQuery>,
    body: Strict<wire::CertificateCreate>,
) -> Result<CreateAnswer, Problem> {
    check_server_owned(&body.server_owned, &newborn())?;
    let target_ids = body.value.target_ids.clone();
    let new = new(body.value)?;
    if !query.0.issue {
        let made = app.certificate_create(&caller, new).await?;
        let view = app.certificate_view(made.certificate).await?;
        let location = format!("{ALL}/{}", view.certificate.id);
        let body = wire::CertificateCreated::Record(Box::new(view::certificate(&view)));
        return Ok(Either::One(Created { location, revision: Some(view.certificate.revision), body }));
    }
    let made = app.certificate_create_and_issue(&caller, new).await?;
    issued(&app, made, target_ids).await
}

async fn issued(app: &App, made: Made, target_ids: Vec<String>) -> Result<CreateAnswer, Problem> {
    let job_id = made.job_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let Some(version) = made.version else {
        let view = app.certificate_view(made.certificate).await?;
        let answer = wire::IssueAnswer { certificate: view::certificate(&view), version: None, job_id: job_id.clone() };
        let body = wire::CertificateCreated::Issue(Box::new(answer));
        return Ok(Either::Other(Accepted { location: Some(format!("/api/v1/jobs/{job_id}")), body }));
    };
    let targets = target_ids.iter().filter_map(|id| TargetId::parse(id).ok()).collect();
    let view = app.certificate_view_fresh(made.certificate, made.renew_at, targets);
    let location = format!("{ALL}/{}", view.certificate.id);
    let answer =
        wire::IssueAnswer { certificate: view::certificate(&view), version: Some(view::version(&version)?), job_id };
    let body = wire::CertificateCreated::Issue(Box::new(answer));
    Ok(Either::One(Created { location, revision: Some(view.certificate.revision), body }))
}

pub(super) async fn certificate_update(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
    expected: IfMatch,
    body: Strict<wire::CertificateUpdate>,
) -> Result<Entity<wire::Certificate>, Problem> {
    server_owned(&app, &caller, &path.0, &body.server_owned).await?;
    edit(&app, &caller, &path.0, expected, body.value).await
}

pub(super) async fn certificate_patch(
    app: App,
    caller: Caller,
    path: Path<CertificateId>,
    expected: IfMatch,
    body: Strict<wire::CertificateUpdate>,
) -> Result<Entity<wire::Certificate>, Problem> {
    server_owned(&app, &caller, &path.0, &body.server_owned).await?;
    let removes_profile = body.cleared.iter().any(|name| name == "certificate_profile_id");
    let mut value = patched(
        body,
        &json!({ "sans": [], "environment": "", "tags": {}, "target_ids": [], "certificate_profile_id": null }),
    )?;
    if removes_profile {
        value.certificate_profile_id = Some(None);
    }
    edit(&app, &caller, &path.0, expected, value).await
}

async fn edit(
    app: &App,
    caller: &Caller,
    id: &CertificateId,
    expected: IfMatch,
    value: wire::CertificateUpdate,
) -> Result<Entity<wire::Certificate>, Problem> {
    let targets = value.target_ids.as_deref().map(|ids| target_ids("target_ids", ids)).transpose()?;
    let change = CertificateChange {
        name: value.name,
        common_name: value.common_name,
        sans: value.sans,
        environment: value.environment,
        owner_id: value.owner_id,
        team_id: value.team_id,
        issuer_id: value.issuer_id,
        renewal_policy_id: value.renewal_policy_id,
        certificate_profile_id: value.certificate_profile_id,
        tags: value.tags,
        status: None,
    };
    let certificate = app.certificate_update(caller, id, change, expected.0).await?;
    if let Some(targets) = targets {
        app.certificate_targets_set(caller, id, &targets).await?;
    }
    let view = app.certificate_view(certificate).await?;
    Ok(Entity { revision: view.certificate.revision, body: view::certificate(&view) })
}

async fn server_owned(
    app: &App,
    caller: &Caller,
    id: &CertificateId,
    sent: &Map<String, Value>,
) -> Result<(), Problem> {
    if sent.is_empty() {
        return Ok(());
    }
    check_server_owned(sent, &view::certificate(&app.certificate_get(caller, id).await?))
}

/// The fields of the server as a new certificate has them.
fn newborn() -> Value {
    json!({
        "status": "Pending",
        "renewal_state": "idle",
        "expires_at": wire::NEVER,
        "revision": 1,
        "created_at": wire::NEVER,
        "updated_at": wire::NEVER,
    })
}

fn new(body: wire::CertificateCreate) -> Result<NewCertificate, Problem> {
    let id = body.id.as_deref().map(CertificateId::parse).transpose();
    Ok(NewCertificate {
        id: id.map_err(|error| Problem::invalid("id", error.to_string()))?,
        name: body.name,
        common_name: body.common_name,
        sans: body.sans,
        environment: body.environment,
        owner_id: body.owner_id,
        team_id: body.team_id,
        issuer_id: body.issuer_id,
        renewal_policy_id: body.renewal_policy_id,
        certificate_profile_id: body.certificate_profile_id,
        target_ids: body.target_ids,
        tags: body.tags,
        csr_pem: body.csr_pem,
    })
}

/// Ids of targets in a body.
pub(super) fn target_ids(field: &str, texts: &[String]) -> Result<Vec<TargetId>, Problem> {
    let read = texts.iter().enumerate().map(|(index, text)| {
        TargetId::parse(text).map_err(|error| Problem::invalid(format!("{field}[{index}]"), error.to_string()))
    });
    read.collect()
}
