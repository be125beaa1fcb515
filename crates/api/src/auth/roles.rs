//! Roles, and who holds them.

use certctl_app::Caller;
use certctl_app::auth::Auth;
use certctl_domain::ids::{KeyId, RoleId};
use certctl_domain::permission::Role;
use certctl_edge::{Json, NoContent, Path, PathPair, Problem, ProblemDetail};
use certctl_wire as wire;
use http::StatusCode;

use crate::extract::Strict;
use crate::view::TENANT;

pub(super) async fn role_list(auth: Auth, caller: Caller) -> Result<Json<wire::Roles>, Problem> {
    let roles = auth.role_list(&caller)?.into_iter().map(show).collect();
    Ok(Json(wire::Roles { roles }))
}

pub(super) async fn role_get(
    auth: Auth,
    caller: Caller,
    Path(id): Path<RoleId>,
) -> Result<Json<wire::RoleDetail>, Problem> {
    let role = auth.role_get(&caller, &id)?;
    let permissions = role.permissions().map(|permission| wire::RolePermission {
        role_id: role.id().to_owned(),
        permission_id: permission.id(),
        scope_type: GLOBAL.to_owned(),
        scope_id: None,
    });
    Ok(Json(wire::RoleDetail { role: show(role), permissions: permissions.collect() }))
}

/// `{id}` is the name of a key, which is what actors are called.
pub(super) async fn role_grant(
    auth: Auth,
    caller: Caller,
    Path(name): Path<KeyId>,
    body: Strict<wire::RoleGrant>,
) -> Result<NoContent, Problem> {
    let ask = body.value;
    if ask.scope_type.as_deref().is_some_and(|scope| scope != GLOBAL) || ask.scope_id.is_some() {
        let message = "is not part of this version; every grant is global";
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", format!("scope_type: {message}"));
        problem.details = vec![ProblemDetail { field: "scope_type".to_owned(), message: message.to_owned() }];
        return Err(problem);
    }
    auth.role_grant(&caller, name.as_str(), &ask.role_id, ask.expires_at.as_deref()).await?;
    Ok(NoContent)
}

pub(super) async fn role_revoke(
    auth: Auth,
    caller: Caller,
    PathPair(name, role): PathPair<KeyId, RoleId>,
) -> Result<NoContent, Problem> {
    auth.role_revoke(&caller, name.as_str(), &role).await?;
    Ok(NoContent)
}

/// Built-in roles are as old as the product: their times are the zero time.
fn show(role: Role) -> wire::Role {
    wire::Role {
        id: role.id().to_owned(),
        tenant_id: TENANT.to_owned(),
        name: role.name().to_owned(),
        description: role.description().to_owned(),
        created_at: wire::NEVER.to_owned(),
        updated_at: wire::NEVER.to_owned(),
    }
}

const GLOBAL: &str = "global";
