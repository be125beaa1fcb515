//! Agents, tokens, jobs, approvals.

use certctl_domain::permission::Role;
use serde_json::json;

use crate::door::{Client, Door};

pub(crate) async fn an_agent_is_prepared_and_retired(door: &Door) {
    let root = door.client("root", Role::Admin).await;
    assert_eq!(root.post("/agents", json!({"name": " "})).await.is(400).fields(), ["name", "hostname"]);
    let made = root.post("/agents", json!({"name": "web-1", "hostname": "web-1.example.org"})).await.is(201);
    assert!(made.text("enrollment_token").starts_with("cce_"), "{}", made.body);
    assert_eq!(made.text("status"), "Offline");
    assert_eq!(root.post("/agents", json!({"name": "web-1", "hostname": "x"})).await.is(409).code(), "name_taken");
    let config = json!({"cert_path": "/etc/tls/site.pem"});
    let target = json!({"name": "site", "type": "File", "agent_id": made.text("id"), "config": config});
    let target = root.post("/targets", target).await.is(201);

    let path = format!("/agents/{}", made.text("id"));
    let blocked = root.delete(&path).await.is(409);
    assert_eq!(blocked.code(), "blocked_by_dependencies");
    assert_eq!(blocked.body["counts"], json!({"active_targets": 1, "active_certificates": 0, "pending_jobs": 0}));
    assert_eq!(root.delete(&format!("{path}?force=true")).await.is(400).fields(), ["reason"]);
    assert_eq!(root.delete(&format!("{path}?forse=true")).await.is(400).fields(), ["forse"]);
    let gone = root.delete(&format!("{path}?force=true&reason=replaced")).await.is(200);
    assert_eq!((&gone.body["cascade"], &gone.body["counts"]["active_targets"]), (&json!(true), &json!(1)));
    root.delete(&path).await.is(204);
    assert_eq!(root.get("/agents").await.is(200).counts(), (0, 0));
    assert_eq!(root.get("/agents/retired").await.is(200).counts(), (1, 1));
    assert_eq!(root.get(&path).await.is(200).text("retired_reason"), "replaced");
    let target = root.get(&format!("/targets/{}", target.text("id"))).await.is(200);
    assert_eq!(target.text("retired_reason"), "replaced");
    let operator = door.client("ada", Role::Operator).await;
    operator.delete(&path).await.is(403);
}

pub(crate) async fn tokens_are_shown_once(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    let made =
        ada.post("/agents/enrollment-tokens", json!({"ttl_seconds": 600, "name_pattern": "web-*"})).await.is(201);
    assert!(!made.text("token").is_empty());
    let listed = ada.get("/agents/enrollment-tokens").await.is(200);
    assert_eq!(listed.counts(), (1, 1));
    assert!(!listed.body.to_string().contains(made.text("token")));
    let path = format!("/agents/enrollment-tokens/{}", made.text("id"));
    ada.delete(&path).await.is(204);
    let listed = ada.get("/agents/enrollment-tokens").await.is(200);
    assert!(listed.body["data"][0]["revoked_at"].is_string());
    ada.delete("/agents/enrollment-tokens/tok-none").await.is(404);
    door.client("vera", Role::Viewer).await.get("/agents/enrollment-tokens").await.is(403);
}

pub(crate) async fn jobs_are_listed_strictly(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    let wrong = ada.get("/jobs?status=pending").await.is(400);
    assert!(wrong.text("message").contains("Pending"), "{}", wrong.body);
    assert_eq!(ada.get("/jobs?type=Validation").await.is(400).fields(), ["type"]);
    assert_eq!(ada.get("/jobs?stat=x").await.is(400).fields(), ["stat"]);
    assert_eq!(ada.get("/jobs?status=Running&type=Renewal").await.is(200).counts(), (0, 0));
    for path in ["/jobs/job-none", "/jobs/job-none/verification"] {
        ada.get(path).await.is(404);
    }
    ada.post("/jobs/job-none/cancel", json!({})).await.is(404);
    // An internal job is not there, whatever its id.
    ada.put("/renewal-policies/rp-default", json!({"renewal_window_days": 5})).await.is(200);
    assert_eq!(ada.get("/jobs").await.is(200).counts(), (0, 0));
    let open = certctl_jobs::open_with_key(&door.world.db.db, "replan:rp-default:2:now").await.expect("read");
    ada.get(&format!("/jobs/{}", open.expect("it is there").id)).await.is(404);
}

pub(crate) async fn a_gated_issuance_is_decided_over_rest(door: &Door) {
    let (ada, bob) = (door.client("ada", Role::Operator).await, door.client("bob", Role::Operator).await);
    let job = asked(&ada).await;
    let shown = ada.get(&format!("/jobs/{job}")).await.is(200);
    assert_eq!((shown.text("type"), shown.text("status")), ("Issuance", "AwaitingApproval"));
    let waiting = ada.get("/approvals?state=pending").await.is(200);
    assert_eq!((waiting.counts(), &waiting.body["data"][0]["job_id"]), ((1, 1), &json!(job)));
    assert_eq!(ada.post(&format!("/jobs/{job}/approve"), json!({})).await.is(403).code(), "two_person_integrity");
    let done = bob.post(&format!("/jobs/{job}/reject"), json!({"reason": "not now"})).await.is(200);
    assert_eq!(done.text("status"), "job_rejected");
    let shown = ada.get(&format!("/jobs/{job}")).await.is(200);
    assert_eq!((shown.text("status"), shown.text("last_error")), ("Cancelled", "approval rejected: not now"));
    assert_eq!(ada.post(&format!("/jobs/{job}/cancel"), json!({})).await.is(409).code(), "job_ended");
    assert_eq!(ada.get("/approvals?state=rejected&requested_by=ada-key").await.is(200).counts(), (1, 1));
}

/// A certificate under a gated profile, asked for; its job.
async fn asked(client: &Client<'_>) -> String {
    let profile = client.post("/profiles", json!({"name": "gated", "requires_approval": true})).await.is(201);
    let agent = client.post("/agents", json!({"name": "web-1", "hostname": "web-1.example.org"})).await.is(201);
    let config = json!({"cert_path": "/etc/tls/site.pem"});
    let target = json!({"name": "site", "type": "File", "agent_id": agent.text("id"), "config": config});
    let target = client.post("/targets", target).await.is(201);
    let body = json!({
        "name": "site", "common_name": "site.example.org", "sans": ["site.example.org"], "environment": "test",
        "owner_id": "t", "team_id": "t", "issuer_id": "iss-local", "renewal_policy_id": "rp-default",
        "certificate_profile_id": profile.text("id"), "target_ids": [target.text("id")],
    });
    let issued = client.post("/certificates?issue=true", body).await.is(202);
    issued.text("job_id").to_owned()
}
