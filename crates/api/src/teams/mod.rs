//! `/teams`.

pub(crate) mod view;

use certctl_app::list::OLDEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::TeamId;
use certctl_domain::permission::Permission;
use certctl_edge::{
    Created, Entity, IfMatch, Listing, NoContent, Path, Problem, Routes, delete, get, patch, post, put,
};
use certctl_wire as wire;
use serde_json::json;

use crate::check_server_owned;
use crate::extract::{Paging, Strict};
use crate::shared::{listing, newborn, patched};

const ALL: &str = "/api/v1/teams";
const ONE: &str = "/api/v1/teams/{id}";

pub(crate) fn routes() -> Routes {
    Routes::new("teams")
        .with(get(ALL, team_list).about("Teams, oldest first.").perm(Permission::TeamRead))
        .with(
            post(ALL, team_create)
                .about("Creates a team.")
                .fails([409, 422])
                .keeps_answers()
                .perm(Permission::TeamEdit),
        )
        .with(get(ONE, team_get).about("Shows one team.").perm(Permission::TeamRead))
        .with(
            put(ONE, team_update)
                .about("Changes the fields that are given and keeps the rest.")
                .fails([409, 422])
                .perm(Permission::TeamEdit),
        )
        .with(
            patch(ONE, team_patch)
                .about("Merges a patch (RFC 7396); null puts a field back to its default.")
                .fails([409, 422])
                .perm(Permission::TeamEdit),
        )
        .with(
            delete(ONE, team_delete)
                .about("Deletes a team that nothing refers to.")
                .fails([409])
                .perm(Permission::TeamDelete),
        )
}

async fn team_list(app: App, caller: Caller, paging: Paging) -> Result<Listing<wire::Page<wire::Team>>, Problem> {
    let listed = app.team_list(&caller, &paging.window(OLDEST_FIRST)?).await?;
    Ok(listing(&paging, &listed, view::team))
}

async fn team_create(app: App, caller: Caller, body: Strict<wire::TeamCreate>) -> Result<Created<wire::Team>, Problem> {
    check_server_owned(&body.server_owned, &newborn())?;
    let id = body.value.id.clone();
    let team = app.team_create(&caller, id.as_deref(), view::new(body.value)).await?;
    let location = format!("{ALL}/{}", team.id);
    Ok(Created { location, revision: Some(team.revision), body: view::team(&team) })
}

async fn team_get(app: App, caller: Caller, path: Path<TeamId>) -> Result<Entity<wire::Team>, Problem> {
    let team = app.team_get(&caller, &path.0).await?;
    Ok(Entity { revision: team.revision, body: view::team(&team) })
}

async fn team_update(
    app: App,
    caller: Caller,
    path: Path<TeamId>,
    expected: IfMatch,
    body: Strict<wire::TeamUpdate>,
) -> Result<Entity<wire::Team>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let team = app.team_update(&caller, &path.0, expected.0, view::change(body.value)).await?;
    Ok(Entity { revision: team.revision, body: view::team(&team) })
}

async fn team_patch(
    app: App,
    caller: Caller,
    path: Path<TeamId>,
    expected: IfMatch,
    body: Strict<wire::TeamUpdate>,
) -> Result<Entity<wire::Team>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let change = view::change(patched(body, &json!({ "description": "" }))?);
    let team = app.team_update(&caller, &path.0, expected.0, change).await?;
    Ok(Entity { revision: team.revision, body: view::team(&team) })
}

async fn team_delete(app: App, caller: Caller, path: Path<TeamId>, expected: IfMatch) -> Result<NoContent, Problem> {
    app.team_delete(&caller, &path.0, expected.0).await?;
    Ok(NoContent)
}

async fn server_owned(app: &App, caller: &Caller, id: &TeamId, body: &Strict<wire::TeamUpdate>) -> Result<(), Problem> {
    if body.server_owned.is_empty() {
        return Ok(());
    }
    check_server_owned(&body.server_owned, &view::team(&app.team_get(caller, id).await?))
}
