//! Tokens, agents and the targets they serve.

use std::time::Duration;

use certctl_app::Error;
use certctl_app::fleet::{Retire, Retired};
use certctl_app::targets::{NewTarget, TestOutcome};
use certctl_app::tokens::TokenInput;
use certctl_domain::agent::Agent;
use certctl_domain::permission::Role;
use certctl_domain::target::Target;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::settings::agent;
use crate::support::{Fixture, admin, first_page, person, refused_fields};

pub(crate) async fn a_token_is_shown_once_and_withdrawn(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let input = TokenInput { name_pattern: Some("web-*".to_owned()), max_uses: Some(3), ..TokenInput::default() };
    let made = app.enrollment_token_create(&caller, input).await.expect("made");
    assert_eq!(made.token.expires_at, made.token.created_at + Duration::from_secs(3_600));
    let listed = app.enrollment_token_list(&caller, &first_page()).await.expect("read").items;
    assert_eq!(listed, std::slice::from_ref(&made.token));
    assert!(!format!("{listed:?}").contains(made.secret.expose_secret()));
    app.enrollment_token_revoke(&caller, &made.token.id).await.expect("withdrawn");
    app.enrollment_token_revoke(&caller, &made.token.id).await.expect("again, which changes nothing");
    let revoked = fixture.actions().await;
    assert_eq!(revoked.iter().filter(|action| *action == "agent.join_token_revoked").count(), 1);

    let wrong = TokenInput {
        ttl_seconds: Some(1),
        max_uses: Some(0),
        name_pattern: Some(String::new()),
        agent_id: Some("agt-none".to_owned()),
    };
    let fields = refused_fields(app.enrollment_token_create(&caller, wrong).await);
    assert_eq!(fields, ["ttl_seconds", "max_uses", "name_pattern", "agent_id"]);
}

pub(crate) async fn an_agent_with_dependants_is_retired_only_by_force(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let made = app.agent_create(&caller, agent("web-1")).await.expect("created");
    let target = file_target(fixture, &made.agent).await;
    let free = Retire::IfFree { reason: None };
    match app.agent_retire(&caller, &made.agent.id, &free).await {
        Err(Error::Conflict { code: "blocked_by_dependencies", details, .. }) => {
            assert_eq!(details[0], ("active_targets".to_owned(), "1".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    let silent = Retire::WithAll { reason: " ".to_owned() };
    assert_eq!(refused_fields(app.agent_retire(&caller, &made.agent.id, &silent).await), ["reason"]);

    let force = Retire::WithAll { reason: "host is gone".to_owned() };
    match app.agent_retire(&caller, &made.agent.id, &force).await.expect("retired") {
        Retired::Now { cascade, counts, .. } => assert_eq!((cascade, counts.active_targets), (true, 1)),
        Retired::Before => panic!("it was not retired yet"),
    }
    assert_eq!(app.agent_retire(&caller, &made.agent.id, &free).await.expect("again"), Retired::Before);
    let stored = app.target_get(&caller, &target.id).await.expect("read");
    assert_eq!(stored.retired_reason.as_deref(), Some("host is gone"));
    assert!(app.agent_list(&caller, &first_page()).await.expect("read").items.is_empty());
    assert_eq!(app.agent_list_retired(&caller, &first_page()).await.expect("read").items.len(), 1);
    let tokens = app.enrollment_token_list(&caller, &first_page()).await.expect("read").items;
    assert!(tokens.iter().all(|token| token.revoked_at.is_some()), "its token admits nobody any more");
    let late = NewTarget { agent_id: made.agent.id.to_string(), ..new_file("late", "/late") };
    assert_eq!(refused_fields(app.target_create(&caller, late).await), ["agent_id"]);
}

pub(crate) async fn a_target_test_names_what_is_in_the_way(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let made = app.agent_create(&caller, agent("web-1")).await.expect("created");
    let target = file_target(fixture, &made.agent).await;
    let tested = app.target_test(&caller, &target.id).await.expect("tested");
    assert_eq!((tested.outcome, tested.job_id), (TestOutcome::Failed, None), "nobody is asked who cannot hear");
    assert!(tested.message.contains("web-1 is offline"), "{}", tested.message);
    let stored = app.target_get(&caller, &target.id).await.expect("read");
    assert_eq!((stored.test_status.as_str(), stored.revision), ("failed", 1));
    let mut seen = made.agent.clone();
    seen.last_heartbeat_at = Some(app.now());
    fixture.commit(|unit| certctl_store::agents::record_heartbeat(unit, &seen)).await;
    let tested = app.target_test(&caller, &target.id).await.expect("tested");
    assert!(tested.outcome == TestOutcome::Pending && tested.job_id.is_some(), "{tested:?}");
    fixture.pass(Duration::from_secs(301));
    assert_eq!(app.target_test(&caller, &target.id).await.expect("tested").outcome, TestOutcome::Failed);
    let viewer = app.target_test(&person("vera", Role::Viewer), &target.id).await;
    assert!(matches!(viewer, Err(Error::Denied(_))), "{viewer:?}");
}

async fn file_target(fixture: &Fixture, agent: &Agent) -> Target {
    let new = NewTarget { agent_id: agent.id.to_string(), ..new_file("site", "/etc/tls/site.pem") };
    fixture.app.target_create(&admin(), new).await.expect("created")
}

fn new_file(name: &str, path: &str) -> NewTarget {
    NewTarget {
        name: name.to_owned(),
        kind: "File".to_owned(),
        config: Some(json!({ "cert_path": path })),
        ..NewTarget::default()
    }
}
