//! API keys over their life.

use std::time::Duration;

use certctl_app::auth::Auth;
use certctl_db::Backend;
use certctl_domain::permission::Role;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::Door;

on_both!(
    a_key_is_made_used_rotated_and_revoked,
    nobody_gives_what_it_lacks,
    the_last_administrator_stays,
    mistakes_name_their_fields,
    a_revoked_key_is_dead_on_every_replica,
);

fn value(made: &Value) -> SecretString {
    made["key_value"].as_str().expect("a value").into()
}

async fn a_key_is_made_used_rotated_and_revoked(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let admin = door.key("root", Role::Admin).await;
    let ask = json!({"name": "ci", "role_ids": ["r-operator"], "expires_at": "2027-03-01T00:00:00Z"});
    let made = door.post("/api/v1/auth/keys", &ask).key(&admin).send().await;
    let location = made.header("location").to_owned();
    let made = made.expect(201);
    let first = value(&made);
    assert_eq!(made["role_ids"], json!(["r-operator"]));
    door.post("/api/v1/auth/keys", &ask).key(&admin).send().await.refused(409, "name_taken");

    let me = |key: SecretString| async {
        let key = key;
        door.get("/api/v1/auth/me").key(&key).send().await
    };
    assert_eq!(me(first.clone()).await.expect(200)["actor_id"], "ci");
    let rotate = format!("{location}/rotate");
    let rotated = door.post(&rotate, &json!({"overlap_seconds": 60})).key(&first).send().await.expect(200);
    let second = value(&rotated);
    assert_eq!(me(first.clone()).await.expect(200)["roles"], json!(["r-operator"]));
    assert_eq!(me(second.clone()).await.expect(200)["roles"], json!(["r-operator"]));
    door.post(&rotate, &json!({})).key(&admin).send().await.refused(409, "key_not_live");
    let too_long = door.post(&rotate, &json!({"overlap_seconds": 604_801})).key(&admin).send().await;
    assert_eq!(too_long.refused(400, "invalid_field")["details"][0]["field"], "overlap_seconds");

    door.world.clock.advance(Duration::from_secs(61));
    door.auth.forget();
    me(first).await.refused(401, "api_key_expired");
    let successor = format!("/api/v1/auth/keys/{}", rotated["id"].as_str().expect("an id"));
    door.delete(&successor).key(&admin).send().await.expect(204);
    me(second).await.refused(401, "api_key_revoked");
    door.delete(&successor).key(&admin).send().await.refused(404, "not_found");
    for (action, count) in [("auth.key_created", 2), ("auth.key_rotated", 1), ("auth.key_deleted", 1)] {
        assert_eq!(door.events(action).await, count, "{action}");
    }
}

async fn nobody_gives_what_it_lacks(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let admin = door.key("root", Role::Admin).await;
    let viewer = door.key("eve", Role::Viewer).await;
    let ask = json!({"name": "mine", "role_ids": ["r-admin"]});
    door.post("/api/v1/auth/keys", &ask).key(&viewer).send().await.refused(403, "permission_denied");
    let grant = json!({"role_id": "r-admin"});
    door.post("/api/v1/auth/keys/eve/roles", &grant).key(&viewer).send().await.refused(403, "permission_denied");
    // Somebody who may make keys and is no administrator.
    let eve = door.world.person("eve", Role::Viewer);
    let ask = certctl_app::auth::NewKey {
        name: "mine".to_owned(),
        role_ids: vec!["r-admin".to_owned()],
        ..certctl_app::auth::NewKey::default()
    };
    assert!(matches!(door.auth.api_key_create(&eve, &ask).await, Err(certctl_app::Error::Denied(_))));
    door.post("/api/v1/auth/keys/eve/roles", &json!({"role_id": "r-operator"})).key(&admin).send().await.expect(204);
    assert_eq!(
        door.get("/api/v1/auth/me").key(&viewer).send().await.expect(200)["roles"],
        json!(["r-operator", "r-viewer"]),
        "a grant holds at the next request"
    );
    let scoped = json!({"role_id": "r-viewer", "scope_type": "profile", "scope_id": "prof-test"});
    door.post("/api/v1/auth/keys/eve/roles", &scoped).key(&admin).send().await.refused(422, "refused");
    door.post("/api/v1/auth/keys/nobody/roles", &grant).key(&admin).send().await.refused(404, "not_found");
}

async fn the_last_administrator_stays(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let admin = door.key("root", Role::Admin).await;
    let keys = door.get("/api/v1/auth/keys").key(&admin).send().await.expect(200);
    let own = format!("/api/v1/auth/keys/{}", keys["keys"][0]["id"].as_str().expect("an id"));
    door.delete(&own).key(&admin).send().await.refused(409, "last_admin");
    door.delete("/api/v1/auth/keys/root/roles/r-admin").key(&admin).send().await.refused(409, "last_admin");
    let second = door.key("deputy", Role::Admin).await;
    door.delete(&own).key(&second).send().await.expect(204);
    door.get("/api/v1/auth/me").key(&admin).send().await.refused(401, "api_key_revoked");
}

async fn mistakes_name_their_fields(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let admin = door.key("root", Role::Admin).await;
    let refused = async |body: Value| door.post("/api/v1/auth/keys", &body).key(&admin).send().await;
    let all =
        refused(json!({"name": "a b", "role_ids": ["r-root"], "expires_at": "yesterday", "owner_id": "own_x"})).await;
    let all = all.refused(400, "invalid_field");
    let fields: Vec<&str> =
        all["details"].as_array().expect("details").iter().filter_map(|d| d["field"].as_str()).collect();
    assert_eq!(fields, ["name", "role_ids[0]", "expires_at", "owner_id"]);
    let past = refused(json!({"name": "a", "role_ids": ["r-viewer"], "expires_at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(past.refused(400, "invalid_field")["details"][0]["field"], "expires_at");
    let unknown = refused(json!({"name": "a", "role_ids": ["r-viewer"], "expire_at": "x"})).await;
    let unknown = unknown.refused(400, "invalid_field");
    assert_eq!(
        unknown["details"][0],
        json!({"field": "expire_at", "message": "is not known; did you mean expires_at?"})
    );
    refused(json!({"name": "legacy-key-1", "role_ids": ["r-viewer"]})).await.refused(422, "refused");
    door.get("/api/v1/auth/roles/r-nobody").key(&admin).send().await.refused(404, "not_found");
}

async fn a_revoked_key_is_dead_on_every_replica(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    door.key("root", Role::Admin).await;
    let key = door.key("ci", Role::Viewer).await;
    let replica = Auth::new(door.world.replica("server-b").await);
    let watching = replica.clone();
    let watch = tokio::spawn(async move { watching.watch().await });
    let presented = || certctl_app::auth::Presented::new(Some(secrecy::ExposeSecret::expose_secret(&key)), None);
    let origin = certctl_domain::audit::Origin::default;
    replica.authenticate(&presented(), origin(), false).await.expect("known on the other replica");
    let keys = door.auth.api_key_list(&certctl_app::Caller::system("test")).await.expect("listed").keys;
    let id = keys.into_iter().find(|view| view.key.name == "ci").expect("listed").key.id;
    door.auth.api_key_delete(&certctl_app::Caller::system("test"), &id).await.expect("revoked");
    // On SQLite there is one process, so the other replica is only reached by the short life of its cache.
    let within = if backend == Backend::Sqlite { 6 } else { 3 };
    certctl_testkit::wait::until("the other replica forgets the key", Duration::from_secs(within), async || {
        replica.authenticate(&presented(), origin(), false).await.is_err().then_some(())
    })
    .await;
    watch.abort();
}
