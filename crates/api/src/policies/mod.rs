//! `/renewal-policies`.

pub(crate) mod view;

use certctl_app::list::OLDEST_FIRST;
use certctl_app::{App, Caller};
use certctl_domain::ids::PolicyId;
use certctl_domain::permission::Permission;
use certctl_edge::{
    Created, Entity, IfMatch, Listing, NoContent, Path, Problem, Routes, delete, get, patch, post, put,
};
use certctl_wire as wire;

use crate::check_server_owned;
use crate::extract::{Paging, Strict};
use crate::shared::{listing, newborn, patched};

const ALL: &str = "/api/v1/renewal-policies";
const ONE: &str = "/api/v1/renewal-policies/{id}";

pub(crate) fn routes() -> Routes {
    Routes::new("renewal-policies")
        .with(get(ALL, policy_list).about("Renewal policies, oldest first.").perm(Permission::PolicyRead))
        .with(
            post(ALL, policy_create)
                .about("Creates a renewal policy.")
                .fails([409, 422])
                .keeps_answers()
                .perm(Permission::PolicyEdit),
        )
        .with(get(ONE, policy_get).about("Shows one renewal policy.").perm(Permission::PolicyRead))
        .with(
            put(ONE, policy_update)
                .about("Changes the fields that are given and keeps the rest.")
                .fails([409, 422])
                .perm(Permission::PolicyEdit),
        )
        .with(
            patch(ONE, policy_patch)
                .about("Merges a patch (RFC 7396); null puts a field back to its default.")
                .fails([409, 422])
                .perm(Permission::PolicyEdit),
        )
        .with(
            delete(ONE, policy_delete)
                .about("Deletes a renewal policy that nothing refers to.")
                .fails([409])
                .perm(Permission::PolicyDelete),
        )
}

async fn policy_list(
    app: App,
    caller: Caller,
    paging: Paging,
) -> Result<Listing<wire::Page<wire::RenewalPolicy>>, Problem> {
    let listed = app.policy_list(&caller, &paging.window(OLDEST_FIRST)?).await?;
    Ok(listing(&paging, &listed, view::policy))
}

async fn policy_create(
    app: App,
    caller: Caller,
    body: Strict<wire::RenewalPolicyCreate>,
) -> Result<Created<wire::RenewalPolicy>, Problem> {
    check_server_owned(&body.server_owned, &newborn())?;
    let id = body.value.id.clone();
    let policy = app.policy_create(&caller, id.as_deref(), view::new(body.value)?).await?;
    let location = format!("{ALL}/{}", policy.id);
    Ok(Created { location, revision: Some(policy.revision), body: view::policy(&policy) })
}

async fn policy_get(app: App, caller: Caller, path: Path<PolicyId>) -> Result<Entity<wire::RenewalPolicy>, Problem> {
    let policy = app.policy_get(&caller, &path.0).await?;
    Ok(Entity { revision: policy.revision, body: view::policy(&policy) })
}

async fn policy_update(
    app: App,
    caller: Caller,
    path: Path<PolicyId>,
    expected: IfMatch,
    body: Strict<wire::RenewalPolicyUpdate>,
) -> Result<Entity<wire::RenewalPolicy>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let policy = app.policy_update(&caller, &path.0, expected.0, view::change(body.value)?).await?;
    Ok(Entity { revision: policy.revision, body: view::policy(&policy) })
}

async fn policy_patch(
    app: App,
    caller: Caller,
    path: Path<PolicyId>,
    expected: IfMatch,
    body: Strict<wire::RenewalPolicyUpdate>,
) -> Result<Entity<wire::RenewalPolicy>, Problem> {
    server_owned(&app, &caller, &path.0, &body).await?;
    let change = view::change(patched(body, &view::fresh())?)?;
    let policy = app.policy_update(&caller, &path.0, expected.0, change).await?;
    Ok(Entity { revision: policy.revision, body: view::policy(&policy) })
}

async fn policy_delete(
    app: App,
    caller: Caller,
    path: Path<PolicyId>,
    expected: IfMatch,
) -> Result<NoContent, Problem> {
    app.policy_delete(&caller, &path.0, expected.0).await?;
    Ok(NoContent)
}

async fn server_owned(
    app: &App,
    caller: &Caller,
    id: &PolicyId,
    body: &Strict<wire::RenewalPolicyUpdate>,
) -> Result<(), Problem> {
    if body.server_owned.is_empty() {
        return Ok(());
    }
    check_server_owned(&body.server_owned, &view::policy(&app.policy_get(caller, id).await?))
}
