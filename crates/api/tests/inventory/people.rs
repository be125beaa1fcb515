//! Teams, owners, profiles, policies.

use certctl_domain::permission::Role;
use http::Method;
use serde_json::json;

use crate::door::Door;

pub(crate) async fn a_team_is_created_shown_edited_and_deleted(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    let made = ada.post("/teams", json!({"id": "team-web", "name": "Web"})).await.is(201);
    assert_eq!((made.header("location"), made.header("etag")), ("/api/v1/teams/team-web", "\"r1\""));
    assert_eq!(made.body["description"], "");
    let taken = ada.post("/teams", json!({"name": "Web"})).await.is(409);
    assert_eq!((taken.code(), taken.fields()), ("name_taken", vec!["name"]));
    let taken = ada.post("/teams", json!({"id": "team-web", "name": "Other"})).await.is(409);
    assert_eq!((taken.code(), taken.fields()), ("id_taken", vec!["id"]));

    let path = "/teams/team-web";
    let edited = ada.put(path, json!({"description": "front end"})).await.is(200);
    assert_eq!((edited.text("name"), edited.header("etag")), ("Web", "\"r2\""));
    let stale = ada.send(Method::PUT, path, Some(json!({"name": "Late"})), Some("\"r1\"")).await.is(412);
    assert_eq!(stale.code(), "stale");
    ada.send(Method::DELETE, path, None, Some("\"r2\"")).await.is(204);
    assert_eq!(ada.get(path).await.is(404).code(), "not_found");
    ada.put(path, json!({"name": "Gone"})).await.is(404);
    ada.delete(path).await.is(404);
}

pub(crate) async fn mistakes_are_named_with_their_field(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    let unknown = ada.post("/teams", json!({"name": "Web", "descripton": "x"})).await.is(400);
    assert_eq!(unknown.fields(), ["descripton"]);
    assert!(unknown.body["details"][0]["message"].as_str().is_some_and(|text| text.contains("description")));
    let wrong = ada.post("/owners", json!({"name": "", "email": "x", "team_id": "team-none"})).await.is(400);
    assert_eq!(wrong.fields(), ["name", "email", "team_id"]);
    assert_eq!(ada.post("/owners", json!({"name": 7})).await.is(400).fields(), ["name"]);
    assert_eq!(ada.post("/teams", json!({"id": "a b", "name": "x"})).await.is(400).fields(), ["id"]);
    ada.get("/teams/a%20b").await.is(400);
    let viewer = door.client("vera", Role::Viewer).await;
    assert_eq!(viewer.post("/teams", json!({"name": "Web"})).await.is(403).code(), "permission_denied");
    viewer.get("/teams").await.is(200);
}

pub(crate) async fn fields_of_the_server_are_accepted_when_equal(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    let shown = ada.get("/teams/t").await.is(200).body;
    let mut back = shown.clone();
    back["name"] = "renamed".into();
    let answer = ada.put("/teams/t", back).await.is(200);
    assert_eq!(answer.text("name"), "renamed");
    let mut forged = shown;
    forged["created_at"] = "2020-01-01T00:00:00Z".into();
    forged["id"] = "other".into();
    let refused = ada.put("/teams/t", forged).await.is(422);
    let mut fields = refused.fields();
    fields.sort_unstable();
    // The revision and the time of the edit before differ as well by now.
    assert_eq!(fields, ["created_at", "id", "revision"]);
    let refused = ada.post("/teams", json!({"name": "New", "created_at": "2020-01-01T00:00:00Z"})).await.is(422);
    assert_eq!(refused.fields(), ["created_at"]);
    ada.post("/teams", json!({"name": "New", "created_at": "0001-01-01T00:00:00Z"})).await.is(201);
}

pub(crate) async fn a_patch_with_null_resets(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    ada.put("/teams/t", json!({"description": "x"})).await.is(200);
    let kept = ada.put("/teams/t", json!({"description": null})).await.is(200);
    assert_eq!(kept.text("description"), "x", "a PUT keeps what it does not name");
    let reset = ada.patch("/teams/t", json!({"description": null})).await.is(200);
    assert_eq!(reset.text("description"), "");
    assert_eq!(ada.patch("/teams/t", json!({"name": null})).await.is(400).fields(), ["name"]);
    let profile =
        ada.post("/profiles", json!({"name": "p", "max_ttl_seconds": 600, "must_staple": true})).await.is(201);
    let path = format!("/profiles/{}", profile.text("id"));
    let reset = ada.patch(&path, json!({"must_staple": null, "allowed_ekus": ["clientAuth"]})).await.is(200);
    assert_eq!((&reset.body["must_staple"], &reset.body["max_ttl_seconds"]), (&json!(false), &json!(600)));
}

pub(crate) async fn lists_are_strict_and_paged(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    for number in 0..3 {
        ada.post("/teams", json!({"name": format!("n{number}")})).await.is(201);
    }
    for (query, field) in
        [("per_page=9999", "per_page"), ("page=0", "page"), ("pagesize=3", "pagesize"), ("cursor=x", "cursor")]
    {
        assert_eq!(ada.get(&format!("/teams?{query}")).await.is(400).fields(), [field], "{query}");
    }
    assert_eq!(ada.get("/teams?page=21&per_page=500").await.is(400).fields(), ["page"]);
    let first = ada.get("/teams?per_page=3").await.is(200);
    assert_eq!(first.counts(), (3, 4));
    assert!(first.header("etag").starts_with("W/"), "{}", first.header("etag"));
    let cursor = first.text("next_cursor");
    let second = ada.get(&format!("/teams?cursor={cursor}&page_size=3")).await.is(200);
    assert_eq!((second.counts(), second.text("next_cursor")), ((1, 4), ""));
    assert_eq!(ada.get(&format!("/approvals?cursor={cursor}")).await.is(400).fields(), ["cursor"]);
    assert_eq!(ada.get("/approvals?state=open").await.is(400).fields(), ["state"]);
}

pub(crate) async fn a_gated_profile_edit_is_answered_202(door: &Door) {
    let (ada, bob) = (door.client("ada", Role::Operator).await, door.client("bob", Role::Operator).await);
    let profile = ada.post("/profiles", json!({"name": "gated", "requires_approval": true})).await.is(201);
    let path = format!("/profiles/{}", profile.text("id"));
    let waits = ada.put(&path, json!({"max_ttl_seconds": 3600})).await.is(202);
    assert_eq!(waits.text("status"), "pending_approval");
    let request = format!("/approvals/{}", waits.text("pending_approval_id"));
    assert_eq!(waits.header("location"), format!("/api/v1{request}"));
    let shown = bob.get(&request).await.is(200);
    assert_eq!((shown.text("kind"), shown.text("state")), ("profile_edit", "pending"));
    assert!(!shown.text("payload").is_empty());
    assert_eq!(ada.post(&format!("{request}/approve"), json!({})).await.is(403).code(), "two_person_integrity");
    let done = bob.post(&format!("{request}/approve"), json!({"note": "fine"})).await.is(200);
    assert_eq!(
        done.body,
        json!({"id": waits.text("pending_approval_id"), "decided_by": "bob-key", "action": "approved"})
    );
    assert_eq!(bob.post(&format!("{request}/approve"), json!({})).await.is(409).code(), "already_decided");
    assert_eq!(ada.get(&path).await.is(200).body["max_ttl_seconds"], 3600);
    let root = door.client("root", Role::Admin).await;
    assert_eq!(root.delete(&path).await.is(422).fields(), ["requires_approval"]);
}

pub(crate) async fn a_policy_is_edited_within_its_bounds(door: &Door) {
    let ada = door.client("ada", Role::Operator).await;
    let path = "/renewal-policies/rp-default";
    let wrong = ada.put(path, json!({"renewal_window_days": 0, "alert_severity_map": {"30": "loud"}})).await.is(400);
    assert_eq!(wrong.fields(), ["renewal_window_days", "alert_severity_map.30"]);
    assert_eq!(
        ada.put(path, json!({"alert_severity_map": {"soon": "warning"}})).await.is(400).fields(),
        ["alert_severity_map.soon"]
    );
    let edited = ada.put(path, json!({"auto_renew": false, "alert_severity_map": {"30": "warning"}})).await.is(200);
    assert_eq!((&edited.body["auto_renew"], &edited.body["max_retries"]), (&json!(false), &json!(3)));
    let reset = ada.patch(path, json!({"auto_renew": null, "alert_severity_map": null})).await.is(200);
    assert_eq!((&reset.body["auto_renew"], reset.body.get("alert_severity_map")), (&json!(true), None));
    assert_eq!(ada.post("/renewal-policies", json!({"name": "default"})).await.is(409).code(), "name_taken");
    let made =
        ada.post("/renewal-policies", json!({"name": "fast", "certificate_profile_id": "prof-test"})).await.is(201);
    let path = format!("/renewal-policies/{}", made.text("id"));
    let freed = ada.patch(&path, json!({"certificate_profile_id": null})).await.is(200);
    assert!(freed.body.get("certificate_profile_id").is_none());
    ada.delete(&path).await.is(204);
}
