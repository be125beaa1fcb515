//! `/issuers`.

pub(crate) mod view;

use certctl_app::list::OLDEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::IssuerId;
use certctl_domain::permission::Permission;
use certctl_edge::{
    Created, Entity, IfMatch, Json, Listing, NoContent, Path, Problem, Routes, delete, get, patch, post, put,
};
use certctl_wire as wire;
use serde_json::json;

use crate::check_server_owned;
use crate::extract::{Paging, Strict};
use crate::shared::{newborn, patched, try_listing};

const ALL: &str = "/api/v1/issuers";
const ONE: &str = "/api/v1/issuers/{id}";
const TEST: &str = "/api/v1/issuers/{id}/test";

pub(crate) fn routes() -> Routes {
    Routes::new("issuers")
        .with(get(ALL, issuer_list).about("Issuers, oldest first.").perm(Permission::IssuerRead))
        .with(
            post(ALL, issuer_create)
                .about("Creates an issuer.")
                .fails([409, 422])
                .keeps_answers()
                .perm(Permission::IssuerEdit),
        )
        .with(get(ONE, issuer_get).about("Shows one issuer.").perm(Permission::IssuerRead))
        .with(
            put(ONE, issuer_update)
                .about("Changes the fields that are given and keeps the rest, secrets that config leaves out too.")
                .fails([409, 422])
                .perm(Permission::IssuerEdit),
        )
        .with(
            patch(ONE, issuer_patch)
                .about("Merges a patch (RFC 7396), into config too; null puts a field back to its default.")
                .fails([409, 422])
                .perm(Permission::IssuerEdit),
        )
        .with(
            delete(ONE, issuer_delete)
                .about("Deletes an issuer that nothing refers to.")
                .fails([409])
                .perm(Permission::IssuerDelete),
        )
        .with(
            post(TEST, issuer_test)
                .about("Tests the stored configuration and keeps the result.")
                .fails([409, 422, 502])
                .perm(Permission::IssuerEdit),
        )
}

async fn issuer_list(app: App, caller: Caller, paging: Paging) -> Result<Listing<wire::Page<wire::Issuer>>, Problem> {
    let listed = app.issuer_list(&caller, &paging.window(OLDEST_FIRST)?).await?;
    try_listing(&paging, &listed, view::issuer)
}

async fn issuer_create(
    app: App,
    caller: Caller,
    body: Strict<wire::IssuerCreate>,
) -> Result<Created<wire::Issuer>, Problem> {
    check_server_owned(&body.server_owned, &newborn())?;
    let issuer = app.issuer_create(&caller, view::new(body.value)).await?;
    let location = format!("{ALL}/{}", issuer.id);
    Ok(Created { location, revision: Some(issuer.revision), body: view::issuer(&issuer)? })
}

async fn issuer_get(app: App, caller: Caller, path: Path<IssuerId>) -> Result<Entity<wire::Issuer>, Problem> {
    let issuer = app.issuer_get(&caller, &path.0).await?;
    Ok(Entity { revision: issuer.revision, body: view::issuer(&issuer)? })
}

async fn issuer_update(
    app: App,
    caller: Caller,
    path: Path<IssuerId>,
    expected: IfMatch,
    body: Strict<wire::IssuerUpdate>,
) -> Result<Entity<wire::Issuer>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let issuer = app.issuer_update(&caller, &path.0, expected.0, view::change(body.value)).await?;
    Ok(Entity { revision: issuer.revision, body: view::issuer(&issuer)? })
}

async fn issuer_patch(
    app: App,
    caller: Caller,
    path: Path<IssuerId>,
    expected: IfMatch,
    body: Strict<wire::IssuerUpdate>,
) -> Result<Entity<wire::Issuer>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let change = view::patch(patched(body, &json!({ "config": {}, "enabled": true }))?);
    let issuer = app.issuer_update(&caller, &path.0, expected.0, change).await?;
    Ok(Entity { revision: issuer.revision, body: view::issuer(&issuer)? })
}

async fn issuer_delete(
    app: App,
    caller: Caller,
    path: Path<IssuerId>,
    expected: IfMatch,
) -> Result<NoContent, Problem> {
    app.issuer_delete(&caller, &path.0, expected.0).await?;
    Ok(NoContent)
}

async fn issuer_test(app: App, caller: Caller, path: Path<IssuerId>) -> Result<Json<wire::TestAnswer>, Problem> {
    app.issuer_test(&caller, &path.0).await?;
    Ok(Json(wire::TestAnswer {
        status: "connection_successful".to_owned(),
        message: None,
        job_id: None,
        checks: Vec::new(),
    }))
}

async fn server_owned(
    app: &App,
    caller: &Caller,
    id: &IssuerId,
    body: &Strict<wire::IssuerUpdate>,
) -> Result<(), Problem> {
    if body.server_owned.is_empty() {
        return Ok(());
    }
    check_server_owned(&body.server_owned, &view::issuer(&app.issuer_get(caller, id).await?)?)
}
