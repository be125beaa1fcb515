//! `Idempotency-Key`.

use std::time::Duration;

use certctl_db::Backend;
use certctl_domain::permission::Role;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::Door;

on_both!(a_repeated_request_gets_the_first_answer, a_refused_request_gives_its_key_back);

fn certificate(name: &str) -> Value {
    json!({
        "name": name, "common_name": format!("{name}.example"), "sans": [format!("{name}.example")], "environment": "test",
        "owner_id": "t", "team_id": "t", "issuer_id": "iss-local", "renewal_policy_id": "rp-test",
        "certificate_profile_id": "prof-test",
    })
}

async fn a_repeated_request_gets_the_first_answer(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("ops", Role::Operator).await;
    let ask = async |body: &Value| {
        door.post("/api/v1/certificates", body).key(&key).header("idempotency-key", "k1").send().await
    };
    let first = ask(&certificate("a")).await;
    let again = ask(&certificate("a")).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", again.text);
    assert_eq!(first.text, again.text);
    for name in ["location", "etag"] {
        assert_eq!(first.header(name), again.header(name), "{name}");
    }
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
    assert_eq!(ask(&certificate("b")).await.refused(422, "refused")["details"][0]["field"], "Idempotency-Key");
    assert_eq!(door.events("certificate_created").await, 1);

    let other = door.key("dev", Role::Operator).await;
    let theirs =
        door.post("/api/v1/certificates", &certificate("c")).key(&other).header("idempotency-key", "k1").send().await;
    theirs.expect(201);
    door.world.clock.advance(Duration::from_secs(24 * 3600 + 1));
    door.auth.forget();
    ask(&certificate("b")).await.expect(201);
}

async fn a_refused_request_gives_its_key_back(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let key = door.key("ops", Role::Operator).await;
    let ask = async |body: &Value| {
        door.post("/api/v1/certificates", body).key(&key).header("idempotency-key", "k2").send().await
    };
    let mut wrong = certificate("a");
    wrong["owner_id"] = json!("nobody");
    ask(&wrong).await.refused(400, "invalid_field");
    ask(&certificate("a")).await.expect(201);
    let malformed =
        door.post("/api/v1/certificates", &certificate("b")).key(&key).header("idempotency-key", "a b").send().await;
    malformed.refused(400, "invalid_field");
}
