//! Issuers and targets: what is linked exists, and nothing else.

use certctl_domain::permission::Role;
use serde_json::json;

use crate::door::Door;

pub(crate) async fn issuers_are_typed_and_tested(door: &Door) {
    let root = door.client("root", Role::Admin).await;
    let listed = root.get("/issuers").await.is(200);
    assert_eq!(
        (listed.counts(), &listed.body["data"][0]["id"]),
        ((1, 1), &json!("iss-local")),
        "agents' issuer is hidden"
    );
    root.get("/issuers/iss-agents").await.is(404);
    root.put("/issuers/iss-agents", json!({"enabled": false})).await.is(404);

    let unknown = root.post("/issuers", json!({"name": "v", "type": "VaultPKI"})).await.is(400);
    assert_eq!(unknown.fields(), ["type"]);
    let wrong =
        root.post("/issuers", json!({"name": "x", "type": "local", "config": {"validity_days": 0}})).await.is(400);
    assert_eq!(wrong.fields(), ["config.validity_days"]);
    let made = root
        .post("/issuers", json!({"name": "Second", "type": "local_ca", "config": {"validity_days": 10}}))
        .await
        .is(201);
    assert_eq!((made.text("type"), made.text("test_status")), ("GenericCA", "untested"));
    let path = format!("/issuers/{}", made.text("id"));
    let tested = root.post(&format!("{path}/test"), json!({})).await.is(200);
    assert_eq!(tested.text("status"), "connection_successful");
    assert_eq!(root.get(&path).await.is(200).text("test_status"), "success");
    let off = root.put(&path, json!({"enabled": false, "type": "GenericCA"})).await.is(200);
    assert_eq!((&off.body["enabled"], &off.body["config"]["validity_days"]), (&json!(false), &json!(10)));
    assert_eq!(root.put(&path, json!({"type": "ACME"})).await.is(422).fields(), ["type"]);
    assert_eq!(root.delete(&path).await.is(409).code(), "in_use");
}

pub(crate) async fn targets_are_typed_and_merged(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    let agent = ada.post("/agents", json!({"name": "web-1", "hostname": "web-1.example.org"})).await.is(201);
    let body = |kind: &str, config: serde_json::Value| json!({"name": "site", "type": kind, "agent_id": agent.text("id"), "config": config});
    assert_eq!(ada.post("/targets", body("NGINX", json!({}))).await.is(400).fields(), ["type"]);
    let wrong = ada.post("/targets", body("File", json!({"cert_path": "etc/x.pem", "key_pth": "/x"}))).await.is(400);
    assert_eq!(wrong.fields(), ["config.key_pth", "config.cert_path"]);
    let missing = ada.post("/targets", json!({"name": "site", "type": "File", "agent_id": "agt-none"})).await.is(400);
    assert_eq!(missing.fields(), ["agent_id", "config.cert_path"]);

    let config = json!({"cert_path": "/etc/tls/site.pem", "key_path": "/etc/tls/site.key"});
    let made = ada.post("/targets", body("File", config.clone())).await.is(201);
    assert_eq!((&made.body["config"], made.header("etag")), (&config, "\"r1\""));
    assert_eq!(ada.post("/targets", body("File", config)).await.is(409).code(), "name_taken");
    let path = format!("/targets/{}", made.text("id"));
    let patched =
        ada.patch(&path, json!({"config": {"key_path": null, "chain_path": "/etc/tls/chain.pem"}})).await.is(200);
    assert_eq!(patched.body["config"], json!({"cert_path": "/etc/tls/site.pem", "chain_path": "/etc/tls/chain.pem"}));
    let kept = ada.put(&path, json!({"name": "renamed"})).await.is(200);
    assert_eq!(kept.body["config"], patched.body["config"], "a PUT without config keeps it");
    let replaced = ada.put(&path, json!({"config": {"cert_path": "/etc/tls/other.pem"}})).await.is(200);
    assert_eq!(replaced.body["config"], json!({"cert_path": "/etc/tls/other.pem"}));
    let tested = ada.post(&format!("{path}/test"), json!({})).await.is(200);
    assert_eq!(tested.text("status"), "failed");
    assert!(tested.text("message").contains("offline"), "{}", tested.body);
    assert_eq!(ada.get(&format!("/targets?agent_id={}", agent.text("id"))).await.is(200).counts(), (1, 1));
    assert_eq!(ada.get("/targets?agent_id=agt-none").await.is(200).counts(), (0, 0));
    ada.delete(&path).await.is(204);
}
