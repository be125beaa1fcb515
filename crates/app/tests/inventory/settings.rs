//! Issuers, targets and the first rows.

use certctl_app::Error;
use certctl_app::configuration::ConfigInput;
use certctl_app::fleet::NewAgent;
use certctl_app::issuers::{IssuerInput, NewIssuer};
use certctl_app::targets::{NewTarget, TargetInput};
use certctl_domain::ids::{IssuerId, PolicyId};
use serde_json::{Value, json};

use crate::support::{Fixture, admin, first_page, refused_fields};

pub(crate) async fn the_first_rows_are_there_once(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let before = fixture.actions().await;
    app.seed().await.expect("a second start changes nothing");
    assert_eq!(fixture.actions().await, before);
    let policy = app.policy_get(&caller, &PolicyId::fixed("rp-default")).await.expect("there");
    assert_eq!((policy.renewal_window_days, policy.max_retries, policy.retry_interval_seconds), (30, 3, 60));
    assert_eq!((policy.auto_renew, policy.alert_thresholds_days), (true, vec![30, 14, 7, 0]));
}

pub(crate) async fn secrets_are_kept_sealed_and_masked(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let agent = app.agent_create(&caller, agent("web-1")).await.expect("created").agent;
    let config = json!({"host": "192.0.2.1:443", "password": "hunter2", "port_name": "a"});
    let new = NewTarget {
        name: "f5".to_owned(),
        kind: "Vaulted".to_owned(),
        agent_id: agent.id.to_string(),
        config: Some(config),
        ..NewTarget::default()
    };
    let target = app.target_create(&caller, new).await.expect("created");
    let shown: Value = serde_json::from_str(&target.config).expect("JSON");
    assert_eq!(shown, json!({"host": "192.0.2.1:443", "password": {"$secret": "set"}, "port_name": "a"}));
    assert_eq!(opened(target.sealed_config.as_deref())["password"], "hunter2");

    let edit = |config: ConfigInput| TargetInput { config: Some(config), ..TargetInput::default() };
    let renamed = ConfigInput::Patch(json!({"port_name": null}));
    let target = app.target_update(&caller, &target.id, None, edit(renamed)).await.expect("the secret is kept");
    assert_eq!(opened(target.sealed_config.as_deref())["password"], "hunter2");
    assert!(opened(target.sealed_config.as_deref()).get("port_name").is_none());

    let moved = ConfigInput::Replace(json!({"host": "198.51.100.1:443"}));
    let refused = app.target_update(&caller, &target.id, None, edit(moved)).await;
    assert_eq!(refused_fields(refused), ["config.password"], "a stored secret is not sent to another host");
    let cleared = ConfigInput::Patch(json!({"password": {"$secret": "clear"}}));
    let refused = app.target_update(&caller, &target.id, None, edit(cleared)).await;
    assert_eq!(refused_fields(refused), ["config.password"], "the field is required");
}

fn opened(sealed: Option<&[u8]>) -> Value {
    let sealed = sealed.expect("sealed");
    // The seal of a test hides nothing: it writes the place in front.
    assert!(sealed.starts_with(b"targets|sealed_config|tgt_"));
    let at = sealed.iter().position(|byte| *byte == b'{').expect("an object follows the place");
    serde_json::from_slice(&sealed[at..]).expect("JSON")
}

pub(crate) async fn issuers_of_ours_are_hidden(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let listed = app.issuer_list(&caller, &first_page()).await.expect("read");
    let ids: Vec<&str> = listed.items.iter().map(|issuer| issuer.id.as_str()).collect();
    assert_eq!(ids, ["iss-local"]);
    let hidden = IssuerId::fixed("iss-agents");
    assert!(matches!(app.issuer_get(&caller, &hidden).await, Err(Error::Missing { .. })));
    let edit = IssuerInput { enabled: Some(false), ..IssuerInput::default() };
    assert!(matches!(app.issuer_update(&caller, &hidden, None, edit).await, Err(Error::Missing { .. })));
    assert!(matches!(app.issuer_delete(&caller, &hidden, None).await, Err(Error::Missing { .. })));
}

pub(crate) async fn only_linked_types_exist(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let new = |kind: &str, config: Value| NewIssuer {
        name: "other".to_owned(),
        kind: kind.to_owned(),
        config: Some(config),
        ..NewIssuer::default()
    };
    assert_eq!(refused_fields(app.issuer_create(&caller, new("VaultPKI", json!({}))).await), ["type"]);
    let wrong = app.issuer_create(&caller, new("local", json!({"validity_days": 0, "valdity": 1}))).await;
    assert_eq!(refused_fields(wrong), ["config.valdity", "config.validity_days"]);
    let target = NewTarget { name: "t".to_owned(), kind: "NGINX".to_owned(), ..NewTarget::default() };
    assert_eq!(refused_fields(app.target_create(&caller, target).await), ["type", "agent_id"]);
}

pub(crate) async fn a_local_issuer_gets_its_authorities(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let new = NewIssuer {
        name: "second".to_owned(),
        kind: "local_ca".to_owned(),
        config: Some(json!({"ca_common_name": "Second"})),
        ..NewIssuer::default()
    };
    let issuer = app.issuer_create(&caller, new).await.expect("created");
    assert_eq!(issuer.kind, "GenericCA");
    let pair = certctl_store::cas::pair(fixture.db(), &issuer.id).await.expect("read");
    assert!(pair.is_some(), "root and issuing CA are on record");
    app.issuer_test(&caller, &issuer.id).await.expect("it would sign");
    let stored = app.issuer_get(&caller, &issuer.id).await.expect("read");
    assert_eq!((stored.test_status.as_str(), stored.revision), ("success", 1));
    assert!(stored.last_tested_at.is_some());
    let used = app.issuer_delete(&caller, &issuer.id, None).await;
    assert!(
        matches!(used, Err(Error::Conflict { code: "in_use", .. })),
        "keys of authorities are never deleted: {used:?}"
    );
}

pub(crate) fn agent(name: &str) -> NewAgent {
    NewAgent { name: name.to_owned(), hostname: format!("{name}.example.org"), ..NewAgent::default() }
}
