//! API keys over their life.

use std::time::Duration;

use certctl_app::Caller;
use certctl_app::auth::{Auth, KeyView, NewKey};
use certctl_domain::actor::ActorType;
use certctl_domain::ids::KeyId;
use certctl_edge::{Created, Json, NoContent, Path, Problem};
use certctl_wire as wire;
use secrecy::ExposeSecret;

use crate::extract::{Strict, StrictOrEmpty};
use crate::view::{TENANT, actor_type, time, time_opt};

pub(super) async fn api_key_list(auth: Auth, caller: Caller) -> Result<Json<wire::ApiKeys>, Problem> {
    let list = auth.api_key_list(&caller).await?;
    let mut keys: Vec<wire::ApiKey> = list.keys.into_iter().map(show).collect();
    keys.extend(list.others.into_iter().map(|(actor, role_ids)| wire::ApiKey {
        actor_id: actor.id,
        actor_type: actor_type(actor.kind),
        tenant_id: TENANT.to_owned(),
        role_ids,
        id: None,
        source: None,
        owner_id: None,
        created_by: None,
        created_at: None,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }));
    Ok(Json(wire::ApiKeys { keys }))
}

pub(super) async fn api_key_create(
    auth: Auth,
    caller: Caller,
    body: Strict<wire::ApiKeyCreate>,
) -> Result<Created<wire::ApiKeyCreated>, Problem> {
    let ask = body.value;
    let new = NewKey { name: ask.name, role_ids: ask.role_ids, expires_at: ask.expires_at, owner_id: ask.owner_id };
    let made = auth.api_key_create(&caller, &new).await?;
    let key = made.view.key;
    Ok(Created {
        location: format!("/api/v1/auth/keys/{}", key.id),
        revision: None,
        body: wire::ApiKeyCreated {
            id: key.id.to_string(),
            actor_id: key.name,
            key_value: made.value.expose_secret().to_owned(),
            role_ids: made.view.role_ids,
            created_at: time(key.created_at),
            expires_at: time_opt(key.expires_at),
        },
    })
}

pub(super) async fn api_key_rotate(
    auth: Auth,
    caller: Caller,
    Path(id): Path<KeyId>,
    StrictOrEmpty(ask): StrictOrEmpty<wire::ApiKeyRotate>,
) -> Result<Json<wire::ApiKeyRotated>, Problem> {
    let rotated = auth.api_key_rotate(&caller, &id, ask.overlap_seconds.map(Duration::from_secs)).await?;
    let key = rotated.made.view.key;
    Ok(Json(wire::ApiKeyRotated {
        id: key.id.to_string(),
        actor_id: key.name,
        key_value: rotated.made.value.expose_secret().to_owned(),
        previous_valid_until: time(rotated.previous_valid_until),
        expires_at: time_opt(key.expires_at),
    }))
}

pub(super) async fn api_key_delete(auth: Auth, caller: Caller, Path(id): Path<KeyId>) -> Result<NoContent, Problem> {
    auth.api_key_delete(&caller, &id).await?;
    Ok(NoContent)
}

fn show(view: KeyView) -> wire::ApiKey {
    let key = view.key;
    wire::ApiKey {
        actor_id: key.name,
        actor_type: actor_type(ActorType::ApiKey),
        tenant_id: TENANT.to_owned(),
        role_ids: view.role_ids,
        id: Some(key.id.to_string()),
        source: Some(key.source.as_str().to_owned()),
        owner_id: key.owner_id.map(|owner| owner.to_string()),
        created_by: Some(key.created_by),
        created_at: Some(time(key.created_at)),
        expires_at: time_opt(key.expires_at),
        last_used_at: time_opt(key.last_used_at),
        revoked_at: time_opt(key.revoked_at),
    }
}
