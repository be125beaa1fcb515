//! `/targets`.

pub(crate) mod view;

use certctl_app::list::OLDEST_FIRST;
use certctl_app::targets::TargetFilter;
use certctl_app::{App, Caller};
use certctl_domain::ids::TargetId;
use certctl_domain::permission::Permission;
use certctl_edge::{
    Created, Entity, IfMatch, Json, Listing, NoContent, Path, Problem, Routes, delete, get, patch, post, put,
};
use certctl_wire as wire;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::check_server_owned;
use crate::extract::{Paging, Query, Strict};
use crate::shared::{filter_id, newborn, patched, try_listing};

const ALL: &str = "/api/v1/targets";
const ONE: &str = "/api/v1/targets/{id}";
const TEST: &str = "/api/v1/targets/{id}/test";

pub(crate) fn routes() -> Routes {
    Routes::new("targets")
        .with(get(ALL, target_list).about("Targets, oldest first.").perm(Permission::TargetRead))
        .with(
            post(ALL, target_create)
                .about("Creates a target.")
                .fails([409, 422])
                .keeps_answers()
                .perm(Permission::TargetEdit),
        )
        .with(get(ONE, target_get).about("Shows one target.").perm(Permission::TargetRead))
        .with(
            put(ONE, target_update)
                .about("Changes the fields that are given and keeps the rest, secrets that config leaves out too.")
                .fails([409, 422])
                .perm(Permission::TargetEdit),
        )
        .with(
            patch(ONE, target_patch)
                .about("Merges a patch (RFC 7396), into config too; null puts a field back to its default.")
                .fails([409, 422])
                .perm(Permission::TargetEdit),
        )
        .with(
            delete(ONE, target_delete)
                .about("Deletes a target that nothing refers to.")
                .fails([409])
                .perm(Permission::TargetDelete),
        )
        .with(
            post(TEST, target_test)
                .about("Has the agent look at the target without changing anything, and keeps the result. Waits up to 25 s for it, then answers pending.")
                .fails([409])
                .perm(Permission::TargetEdit),
        )
}

/// Which targets.
#[derive(Debug, Deserialize, ToSchema)]
struct TargetQuery {
    /// Only those of this agent.
    agent_id: Option<String>,
}

async fn target_list(
    app: App,
    caller: Caller,
    query: Query<TargetQuery>,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::Target>>, Problem> {
    let filter = TargetFilter { agent_id: filter_id("agent_id", query.0.agent_id)? };
    let listed = app.target_list(&caller, &filter, &paging.window(OLDEST_FIRST)?).await?;
    try_listing(&paging, &listed, view::target)
}

async fn target_create(
    app: App,
    caller: Caller,
    body: Strict<wire::TargetCreate>,
) -> Result<Created<wire::Target>, Problem> {
    check_server_owned(&body.server_owned, &newborn())?;
    let target = app.target_create(&caller, view::new(body.value)).await?;
    let location = format!("{ALL}/{}", target.id);
    Ok(Created { location, revision: Some(target.revision), body: view::target(&target)? })
}

async fn target_get(app: App, caller: Caller, path: Path<TargetId>) -> Result<Entity<wire::Target>, Problem> {
    let target = app.target_get(&caller, &path.0).await?;
    Ok(Entity { revision: target.revision, body: view::target(&target)? })
}

async fn target_update(
    app: App,
    caller: Caller,
    path: Path<TargetId>,
    expected: IfMatch,
    body: Strict<wire::TargetUpdate>,
) -> Result<Entity<wire::Target>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let target = app.target_update(&caller, &path.0, expected.0, view::change(body.value)).await?;
    Ok(Entity { revision: target.revision, body: view::target(&target)? })
}

async fn target_patch(
    app: App,
    caller: Caller,
    path: Path<TargetId>,
    expected: IfMatch,
    body: Strict<wire::TargetUpdate>,
) -> Result<Entity<wire::Target>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let change = view::patch(patched(body, &json!({ "config": {}, "enabled": true }))?);
    let target = app.target_update(&caller, &path.0, expected.0, change).await?;
    Ok(Entity { revision: target.revision, body: view::target(&target)? })
}

async fn target_delete(
    app: App,
    caller: Caller,
    path: Path<TargetId>,
    expected: IfMatch,
) -> Result<NoContent, Problem> {
    app.target_delete(&caller, &path.0, expected.0).await?;
    Ok(NoContent)
}

async fn target_test(app: App, caller: Caller, path: Path<TargetId>) -> Result<Json<wire::TestAnswer>, Problem> {
    Ok(Json(view::tested(&app.target_test(&caller, &path.0).await?)))
}

async fn server_owned(
    app: &App,
    caller: &Caller,
    id: &TargetId,
    body: &Strict<wire::TargetUpdate>,
) -> Result<(), Problem> {
    if body.server_owned.is_empty() {
        return Ok(());
    }
    check_server_owned(&body.server_owned, &view::target(&app.target_get(caller, id).await?)?)
}
