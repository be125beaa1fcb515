//! `/profiles`.

pub(crate) mod view;

use certctl_app::list::OLDEST_FIRST;
use certctl_app::profiles::ProfileUpdated;
use certctl_app::{App, Caller};
use certctl_domain::ids::ProfileId;
use certctl_domain::permission::Permission;
use certctl_edge::{
    Accepted, Created, Either, Entity, IfMatch, Listing, NoContent, Path, Problem, Routes, delete, get, patch, post,
    put,
};
use certctl_wire as wire;

use crate::check_server_owned;
use crate::extract::{Paging, Strict};
use crate::shared::{listing, newborn, patched};

const ALL: &str = "/api/v1/profiles";
const ONE: &str = "/api/v1/profiles/{id}";

pub(crate) fn routes() -> Routes {
    Routes::new("profiles")
        .with(get(ALL, profile_list).about("Profiles, oldest first.").perm(Permission::ProfileRead))
        .with(
            post(ALL, profile_create)
                .about("Creates a profile.")
                .fails([409, 422])
                .keeps_answers()
                .perm(Permission::ProfileEdit),
        )
        .with(get(ONE, profile_get).about("Shows one profile.").perm(Permission::ProfileRead))
        .with(
            put(ONE, profile_update)
                .about("Changes the fields that are given and keeps the rest; 202 while a second person must agree.")
                .fails([409, 422])
                .perm(Permission::ProfileEdit),
        )
        .with(
            patch(ONE, profile_patch)
                .about("Merges a patch (RFC 7396); null puts a field back to its default.")
                .fails([409, 422])
                .perm(Permission::ProfileEdit),
        )
        .with(
            delete(ONE, profile_delete)
                .about("Deletes a profile that nothing refers to and that requires no approval.")
                .fails([409, 422])
                .perm(Permission::ProfileDelete),
        )
}

async fn profile_list(app: App, caller: Caller, paging: Paging) -> Result<Listing<wire::Page<wire::Profile>>, Problem> {
    let listed = app.profile_list(&caller, &paging.window(OLDEST_FIRST)?).await?;
    Ok(listing(&paging, &listed, view::profile))
}

async fn profile_create(
    app: App,
    caller: Caller,
    body: Strict<wire::ProfileCreate>,
) -> Result<Created<wire::Profile>, Problem> {
    check_server_owned(&body.server_owned, &newborn())?;
    let id = body.value.id.clone();
    let profile = app.profile_create(&caller, id.as_deref(), view::new(body.value)).await?;
    let location = format!("{ALL}/{}", profile.id);
    Ok(Created { location, revision: Some(profile.revision), body: view::profile(&profile) })
}

async fn profile_get(app: App, caller: Caller, path: Path<ProfileId>) -> Result<Entity<wire::Profile>, Problem> {
    let profile = app.profile_get(&caller, &path.0).await?;
    Ok(Entity { revision: profile.revision, body: view::profile(&profile) })
}

type Updated = Either<Entity<wire::Profile>, Accepted<wire::ProfileEditPending>>;

async fn profile_update(
    app: App,
    caller: Caller,
    path: Path<ProfileId>,
    expected: IfMatch,
    body: Strict<wire::ProfileUpdate>,
) -> Result<Updated, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let updated = app.profile_update(&caller, &path.0, expected.0, view::change(body.value)).await?;
    Ok(updated_answer(&updated))
}

async fn profile_patch(
    app: App,
    caller: Caller,
    path: Path<ProfileId>,
    expected: IfMatch,
    body: Strict<wire::ProfileUpdate>,
) -> Result<Updated, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let change = view::change(patched(body, &view::fresh())?);
    let updated = app.profile_update(&caller, &path.0, expected.0, change).await?;
    Ok(updated_answer(&updated))
}

fn updated_answer(updated: &ProfileUpdated) -> Updated {
    match updated {
        ProfileUpdated::Applied(profile) => {
            Either::One(Entity { revision: profile.revision, body: view::profile(profile) })
        }
        ProfileUpdated::AwaitsApproval(approval) => Either::Other(Accepted {
            location: Some(format!("/api/v1/approvals/{}", approval.id)),
            body: view::pending(approval),
        }),
    }
}

async fn profile_delete(
    app: App,
    caller: Caller,
    path: Path<ProfileId>,
    expected: IfMatch,
) -> Result<NoContent, Problem> {
    app.profile_delete(&caller, &path.0, expected.0).await?;
    Ok(NoContent)
}

async fn server_owned(
    app: &App,
    caller: &Caller,
    id: &ProfileId,
    body: &Strict<wire::ProfileUpdate>,
) -> Result<(), Problem> {
    if body.server_owned.is_empty() {
        return Ok(());
    }
    check_server_owned(&body.server_owned, &view::profile(&app.profile_get(caller, id).await?))
}
