//! The first administrator.

use certctl_app::auth::Auth;
use certctl_edge::{Created, Json, Problem, Trail};
use certctl_wire as wire;
use secrecy::ExposeSecret;

use crate::extract::Strict;
use crate::view;

/// Never an error: who asks has no credential, and learns nothing more than yes or no.
pub(super) async fn bootstrap_status(auth: Auth) -> Result<Json<wire::BootstrapStatus>, Problem> {
    Ok(Json(wire::BootstrapStatus { available: auth.bootstrap_available().await.unwrap_or(false) }))
}

pub(super) async fn bootstrap(
    auth: Auth,
    trail: Trail,
    body: Strict<wire::BootstrapRequest, BODY_MAX>,
) -> Result<Created<wire::BootstrapAnswer>, Problem> {
    let ask = body.value;
    let key = auth.bootstrap(trail.origin(None), &ask.token, &ask.actor_name).await?;
    Ok(Created {
        location: format!("/api/v1/auth/keys/{}", key.id),
        revision: None,
        body: wire::BootstrapAnswer {
            actor_id: key.name,
            api_key_id: key.id.to_string(),
            key_value: key.value.expose_secret().to_owned(),
            created_at: view::time(key.created_at),
            message: "keep this key; it is not shown again".to_owned(),
        },
    })
}

const BODY_MAX: usize = 4096;
