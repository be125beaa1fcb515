//! Who am I, who may call, and how the first administrator comes in.

mod identity;

use certctl_edge::{Routes, get};

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
}
