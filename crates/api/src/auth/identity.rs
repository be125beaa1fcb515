//! The caller, shown to itself.

use certctl_app::Caller;
use certctl_domain::permission::{Permission, Role};
use certctl_edge::{Json, Problem};
use certctl_wire as wire;

use crate::view::{TENANT, actor_type};

pub(super) async fn auth_info() -> Result<Json<wire::AuthInfo>, Problem> {
    Ok(Json(wire::AuthInfo { auth_type: "api-key".to_owned(), required: true, oidc_providers: Vec::new() }))
}

pub(super) async fn auth_check(caller: Caller) -> Result<Json<wire::AuthCheck>, Problem> {
    let admin = is_admin(&caller);
    Ok(Json(wire::AuthCheck {
        status: "authenticated".to_owned(),
        user: caller.actor.id.clone(),
        admin,
        actor_id: Some(caller.actor.id.clone()),
        actor_type: Some(actor_type(caller.actor.kind)),
        tenant_id: Some(TENANT.to_owned()),
        roles: roles(&caller),
        effective_permissions: permissions(&caller),
        admin_via_role: admin,
    }))
}

pub(super) async fn auth_me(caller: Caller) -> Result<Json<wire::AuthMe>, Problem> {
    Ok(Json(wire::AuthMe {
        actor_id: caller.actor.id.clone(),
        actor_type: actor_type(caller.actor.kind),
        tenant_id: TENANT.to_owned(),
        admin: is_admin(&caller),
        roles: roles(&caller),
        effective_permissions: permissions(&caller),
    }))
}

pub(super) async fn permission_list(_caller: Caller) -> Result<Json<wire::Permissions>, Problem> {
    let permissions = Permission::ALL.iter().map(|permission| wire::Permission {
        id: permission.id(),
        name: permission.as_str().to_owned(),
        namespace: permission.namespace().to_owned(),
    });
    Ok(Json(wire::Permissions { permissions: permissions.collect() }))
}

fn is_admin(caller: &Caller) -> bool {
    caller.roles.contains(&Role::Admin)
}

fn roles(caller: &Caller) -> Vec<String> {
    caller.roles.iter().map(|role| role.id().to_owned()).collect()
}

fn permissions(caller: &Caller) -> Vec<wire::EffectivePermission> {
    let held = caller.permissions().map(|permission| wire::EffectivePermission {
        permission: permission.as_str().to_owned(),
        scope_type: "global".to_owned(),
        scope_id: None,
    });
    held.collect()
}
