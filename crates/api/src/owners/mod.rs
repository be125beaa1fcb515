//! `/owners`.

pub(crate) mod view;

use certctl_app::list::OLDEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::OwnerId;
use certctl_domain::permission::Permission;
use certctl_edge::{
    Created, Entity, IfMatch, Listing, NoContent, Path, Problem, Routes, delete, get, patch, post, put,
};
use certctl_wire as wire;
use serde_json::json;

use crate::check_server_owned;
use crate::extract::{Paging, Strict};
use crate::shared::{listing, newborn, patched};

const ALL: &str = "/api/v1/owners";
const ONE: &str = "/api/v1/owners/{id}";

pub(crate) fn routes() -> Routes {
    Routes::new("owners")
        .with(get(ALL, owner_list).about("Owners, oldest first.").perm(Permission::OwnerRead))
        .with(
            post(ALL, owner_create)
                .about("Creates an owner.")
                .fails([409, 422])
                .keeps_answers()
                .perm(Permission::OwnerEdit),
        )
        .with(get(ONE, owner_get).about("Shows one owner.").perm(Permission::OwnerRead))
        .with(
            put(ONE, owner_update)
                .about("Changes the fields that are given and keeps the rest.")
                .fails([409, 422])
                .perm(Permission::OwnerEdit),
        )
        .with(
            patch(ONE, owner_patch)
                .about("Merges a patch (RFC 7396); null puts a field back to its default.")
                .fails([409, 422])
                .perm(Permission::OwnerEdit),
        )
        .with(
            delete(ONE, owner_delete)
                .about("Deletes an owner that nothing refers to.")
                .fails([409])
                .perm(Permission::OwnerDelete),
        )
}

async fn owner_list(app: App, caller: Caller, paging: Paging) -> Result<Listing<wire::Page<wire::Owner>>, Problem> {
    let listed = app.owner_list(&caller, &paging.window(OLDEST_FIRST)?).await?;
    Ok(listing(&paging, &listed, view::owner))
}

async fn owner_create(
    app: App,
    caller: Caller,
    body: Strict<wire::OwnerCreate>,
) -> Result<Created<wire::Owner>, Problem> {
    check_server_owned(&body.server_owned, &newborn())?;
    let id = body.value.id.clone();
    let owner = app.owner_create(&caller, id.as_deref(), view::new(body.value)).await?;
    let location = format!("{ALL}/{}", owner.id);
    Ok(Created { location, revision: Some(owner.revision), body: view::owner(&owner) })
}

async fn owner_get(app: App, caller: Caller, path: Path<OwnerId>) -> Result<Entity<wire::Owner>, Problem> {
    let owner = app.owner_get(&caller, &path.0).await?;
    Ok(Entity { revision: owner.revision, body: view::owner(&owner) })
}

async fn owner_update(
    app: App,
    caller: Caller,
    path: Path<OwnerId>,
    expected: IfMatch,
    body: Strict<wire::OwnerUpdate>,
) -> Result<Entity<wire::Owner>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let owner = app.owner_update(&caller, &path.0, expected.0, view::change(body.value)).await?;
    Ok(Entity { revision: owner.revision, body: view::owner(&owner) })
}

async fn owner_patch(
    app: App,
    caller: Caller,
    path: Path<OwnerId>,
    expected: IfMatch,
    body: Strict<wire::OwnerUpdate>,
) -> Result<Entity<wire::Owner>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let change = view::change(patched(body, &json!({}))?);
    let owner = app.owner_update(&caller, &path.0, expected.0, change).await?;
    Ok(Entity { revision: owner.revision, body: view::owner(&owner) })
}

async fn owner_delete(app: App, caller: Caller, path: Path<OwnerId>, expected: IfMatch) -> Result<NoContent, Problem> {
    app.owner_delete(&caller, &path.0, expected.0).await?;
    Ok(NoContent)
}

async fn server_owned(
    app: &App,
    caller: &Caller,
    id: &OwnerId,
    body: &Strict<wire::OwnerUpdate>,
) -> Result<(), Problem> {
    if body.server_owned.is_empty() {
        return Ok(());
    }
    check_server_owned(&body.server_owned, &view::owner(&app.owner_get(caller, id).await?))
}
