//! Who am I, who may call, and how the first administrator comes in.

mod bootstrap;
mod identity;
mod keys;
mod roles;

use certctl_domain::permission::Permission;
use certctl_edge::route::Surface;
use certctl_edge::{Routes, delete, get, post};

pub(crate) fn routes() -> Routes {
    Routes::new("auth")
        .with(get("/api/v1/auth/info", identity::auth_info).about("How to log in.").public())
        .with(
            get("/api/v1/auth/check", identity::auth_check)
                .about("Whether the credential works, and whose it is.")
                .authenticated(),
        )
        .with(
            get("/api/v1/auth/me", identity::auth_me)
                .about("The caller, its roles and what it may do.")
                .authenticated(),
        )
        .with(
            get("/api/v1/auth/permissions", identity::permission_list)
                .about("The permission catalogue.")
                .authenticated(),
        )
        .with(
            get("/api/v1/auth/bootstrap", bootstrap::bootstrap_status)
                .about("Whether the first administrator may still come in.")
                .public(),
        )
        .with(
            post("/api/v1/auth/bootstrap", bootstrap::bootstrap)
                .about("Makes the first administrator's key, once.")
                .fails([401, 409, 410, 503])
                .limited(Surface::Bootstrap)
                .public(),
        )
        .and(key_routes())
        .and(role_routes())
}

fn key_routes() -> Routes {
    Routes::new("auth")
        .with(
            get("/api/v1/auth/keys", keys::api_key_list)
                .about("API keys, and who holds which roles.")
                .perm(Permission::AuthKeyList),
        )
        .with(
            post("/api/v1/auth/keys", keys::api_key_create)
                .about("Makes an API key; the answer alone holds its value.")
                .fails([409, 422])
                .perm(Permission::AuthKeyCreate),
        )
        .with(
            post("/api/v1/auth/keys/{id}/rotate", keys::api_key_rotate)
                .about("Replaces the value of a key; one's own always, another's with auth.key.rotate.")
                .fails([409])
                .authenticated(),
        )
        .with(
            delete("/api/v1/auth/keys/{id}", keys::api_key_delete)
                .about("Revokes a key at once, on every replica.")
                .fails([409])
                .perm(Permission::AuthKeyDelete),
        )
}

fn role_routes() -> Routes {
    Routes::new("auth")
        .with(get("/api/v1/auth/roles", roles::role_list).about("The roles there are.").perm(Permission::AuthRoleList))
        .with(
            get("/api/v1/auth/roles/{id}", roles::role_get)
                .about("One role and what it permits.")
                .perm(Permission::AuthRoleList),
        )
        .with(
            post("/api/v1/auth/keys/{id}/roles", roles::role_grant)
                .about("Gives a role to the actor of a key name.")
                .fails([409, 422])
                .perm(Permission::AuthRoleAssign),
        )
        .with(
            delete("/api/v1/auth/keys/{id}/roles/{role_id}", roles::role_revoke)
                .about("Takes a role from the actor of a key name.")
                .fails([409])
                .perm(Permission::AuthRoleRevoke),
        )
}
