//! Credentials: which come in, which do not, and what the refused ones are told.

use certctl_app::auth::{Auth, EnvKey};
use certctl_db::Backend;
use certctl_domain::actor::{Actor, ActorType};
use certctl_domain::permission::{Permission, Role};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::on_both;
use crate::support::{Door, TOKEN};

on_both!(
    the_first_administrator_comes_in_once,
    two_replicas_make_one_administrator,
    every_bad_credential_is_told_why,
    roles_decide_and_denials_are_noted,
    keys_of_the_environment_get_their_roles_once,
    the_seeded_catalogue_is_that_of_the_program,
    guessing_keys_is_slowed_down,
    a_server_that_nobody_could_administer_does_not_start,
);

async fn the_first_administrator_comes_in_once(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    assert_eq!(door.get("/api/v1/auth/bootstrap").send().await.expect(200), json!({"available": true}));
    let ask = |token: &str, name: &str| json!({"token": token, "actor_name": name});
    door.post("/api/v1/auth/bootstrap", &ask("wrong", "alice")).send().await.refused(401, "invalid_bootstrap_token");
    door.post("/api/v1/auth/bootstrap", &ask("", "alice")).send().await.refused(401, "invalid_bootstrap_token");
    assert_eq!(door.events("bootstrap.consume_failed").await, 2);
    for name in ["al", "Alice", "-alice", &"a".repeat(65)] {
        let body = door.post("/api/v1/auth/bootstrap", &ask(TOKEN, name)).from([192, 0, 2, 9]).send().await;
        assert_eq!(body.refused(400, "invalid_field")["details"][0]["field"], "actor_name");
    }
    let made = door.post("/api/v1/auth/bootstrap", &ask(TOKEN, " alice ")).from([192, 0, 2, 2]).send().await;
    assert!(made.header("location").starts_with("/api/v1/auth/keys/"));
    let made = made.expect(201);
    let key = SecretString::from(made["key_value"].as_str().expect("a key"));
    let me = door.get("/api/v1/auth/me").key(&key).send().await.expect(200);
    assert_eq!((&me["actor_id"], &me["admin"], &me["roles"]), (&json!("alice"), &json!(true), &json!(["r-admin"])));
    assert_eq!(me["effective_permissions"].as_array().expect("a list").len(), Permission::ALL.len());
    let again = door.post("/api/v1/auth/bootstrap", &ask(TOKEN, "bob")).from([192, 0, 2, 3]).send().await;
    again.refused(410, "bootstrap_closed");
    assert_eq!(door.get("/api/v1/auth/bootstrap").send().await.expect(200), json!({"available": false}));
    assert_eq!(door.events("bootstrap.consume").await, 1);
}

async fn two_replicas_make_one_administrator(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let other = Auth::new(door.world.replica("server-b").await);
    other.start(&[], Some(TOKEN.into())).await.expect("started");
    let origin = certctl_domain::audit::Origin::default;
    let (one, two) =
        tokio::join!(door.auth.bootstrap(origin(), TOKEN, "alice"), other.bootstrap(origin(), TOKEN, "bob"),);
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let keys = certctl_store::keys::all(&door.world.db.db).await.expect("keys");
    assert_eq!(keys.len(), 1, "the loser left nothing behind");
}

async fn every_bad_credential_is_told_why(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("ci", Role::Viewer).await;
    let ask = || door.get("/api/v1/auth/me");
    let missing = ask().send().await;
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"certctl\"");
    assert_eq!(missing.refused(401, "credential_missing")["message"], "Authorization header required");
    for malformed in ["Basic abc", "Bearer", "Token x", &format!("Bearer{}", key.expose_secret())] {
        ask().header("authorization", malformed).send().await.refused(401, "credential_malformed");
    }
    ask().header("authorization", "Bearer 0123456789").send().await.refused(401, "invalid_api_key");
    let mut damaged = key.expose_secret().to_owned();
    damaged.replace_range(20..21, if &damaged[20..21] == "x" { "y" } else { "x" });
    ask().key(&damaged.into()).send().await.refused(401, "api_key_damaged");
    ask().key(&key).send().await.expect(200);
    ask().header("authorization", &format!("bEaReR {}", key.expose_secret())).send().await.expect(200);
    assert_eq!(door.events("auth.api_key_failed").await, 1, "sampled once a minute and address");
    ask().from([192, 0, 2, 8]).send().await.refused(401, "credential_missing");
}

async fn roles_decide_and_denials_are_noted(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let viewer = door.key("viewer", Role::Viewer).await;
    let scrape = door.key("scrape", Role::MetricsReader).await;
    door.get("/api/v1/teams").key(&viewer).send().await.expect(200);
    let denied = door.post("/api/v1/teams", &json!({"name": "x"})).key(&viewer).send().await;
    assert_eq!(denied.refused(403, "permission_denied")["message"], "this needs the permission team.edit");
    door.post("/api/v1/teams", &json!({"name": "x"})).key(&viewer).send().await.refused(403, "permission_denied");
    door.get("/api/v1/teams").key(&scrape).send().await.refused(403, "permission_denied");
    let metrics = door.get("/api/v1/metrics/prometheus").key(&scrape).send().await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(metrics.text.contains("certctl_build_info{"), "{}", metrics.text);
    assert!(metrics.text.contains("certctl_http_request_duration_seconds_count{"), "{}", metrics.text);
    assert_eq!(door.events("auth.permission_denied").await, 2, "one per actor and route within the minute");
}

async fn keys_of_the_environment_get_their_roles_once(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let env = |name: &str, key: &str, admin| EnvKey { name: name.to_owned(), key: key.into(), admin };
    let (old, new) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    let keys = [
        env("ops", old, true),
        env("ops", new, true),
        env("legacy-key-0", "legacy-legacy-legacy-legacy-legacy", false),
    ];
    door.auth.start(&keys, None).await.expect("started");
    for key in [old, new] {
        let me = door.get("/api/v1/auth/me").key(&key.into()).send().await.expect(200);
        assert_eq!((&me["actor_id"], &me["roles"]), (&json!("ops"), &json!(["r-admin"])));
    }
    let admin = door.key("root", Role::Admin).await;
    let roles = "/api/v1/auth/keys/ops/roles/r-admin";
    door.delete(roles).key(&admin).send().await.expect(204);
    door.auth.start(&keys, None).await.expect("started again");
    let me = door.get("/api/v1/auth/me").key(&old.into()).send().await.expect(200);
    assert_eq!(me["roles"], json!([]), "a role that was taken stays taken");
    door.auth.start(&keys[1..], None).await.expect("started without the old key");
    door.get("/api/v1/auth/me").key(&old.into()).send().await.refused(401, "api_key_revoked");
    door.get("/api/v1/auth/me").key(&new.into()).send().await.expect(200);
    let id = door.get("/api/v1/auth/keys").key(&admin).send().await.expect(200)["keys"]
        .as_array()
        .and_then(|keys| {
            keys.iter().find(|key| key["actor_id"] == "ops").and_then(|key| key["id"].as_str().map(str::to_owned))
        })
        .expect("listed");
    door.delete(&format!("/api/v1/auth/keys/{id}")).key(&admin).send().await.refused(409, "key_of_environment");
}

async fn the_seeded_catalogue_is_that_of_the_program(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let db = &door.world.db.db;
    door.auth.start(&[], Some(TOKEN.into())).await.expect("a second start changes nothing");
    assert_eq!(certctl_store::roles::all(db).await.expect("roles").len(), Role::ALL.len());
    for role in Role::ALL {
        let id = certctl_domain::ids::RoleId::fixed(role.id());
        let stored = certctl_store::roles::permissions_of(db, &id).await.expect("permissions");
        let mut known: Vec<&str> = role.permissions().map(Permission::as_str).collect();
        known.sort_unstable();
        assert_eq!(stored, known, "{}", role.id());
    }
    let actor = Actor { id: "x".to_owned(), kind: ActorType::ApiKey };
    assert!(certctl_store::roles::permissions(db, &actor, door.world.app.now()).await.expect("read").is_empty());
}

async fn guessing_keys_is_slowed_down(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let guess = async |peer| door.get("/api/v1/teams").header("authorization", "Bearer guess").from(peer).send().await;
    for _ in 0..20 {
        guess([198, 51, 100, 1]).await.refused(401, "invalid_api_key");
    }
    let slowed = guess([198, 51, 100, 1]).await;
    assert!(!slowed.header("retry-after").is_empty());
    slowed.refused(429, "rate_limited");
    guess([198, 51, 100, 2]).await.refused(401, "invalid_api_key");
    let key = door.key("ci", Role::Viewer).await;
    door.get("/api/v1/teams").key(&key).from([198, 51, 100, 1]).send().await.expect(200);
}

async fn a_server_that_nobody_could_administer_does_not_start(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let fresh = Auth::new(door.world.app.clone());
    let viewer = EnvKey { name: "v".to_owned(), key: "0123456789abcdef0123456789abcdef".into(), admin: false };
    for keys in [&[][..], &[viewer]] {
        let refused = fresh.start(keys, None).await.expect_err("refused");
        assert!(refused.to_string().contains("CERTCTL_BOOTSTRAP_TOKEN"), "{refused}");
    }
    let admin = EnvKey { name: "a".to_owned(), key: "fedcba9876543210fedcba9876543210".into(), admin: true };
    fresh.start(&[admin], None).await.expect("an administrator is named");
}
