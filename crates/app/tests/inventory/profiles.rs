//! Profiles with their revisions, gated edits, and what follows from a policy.

use std::time::Duration;

use certctl_app::Error;
use certctl_app::policies::PolicyInput;
use certctl_app::profiles::{ProfileInput, ProfileUpdated};
use certctl_domain::approval::{Approval, ApprovalState};
use certctl_domain::ids::PolicyId;
use certctl_domain::permission::Role;
use certctl_domain::profile::Profile;

use crate::support::{Fixture, admin, conflict, person, refused_fields};

fn named(name: &str) -> ProfileInput {
    ProfileInput { name: Some(name.to_owned()), ..ProfileInput::default() }
}

fn ttl(seconds: u64) -> ProfileInput {
    ProfileInput { max_ttl_seconds: Some(seconds), ..ProfileInput::default() }
}

#[track_caller]
fn applied(updated: ProfileUpdated) -> Profile {
    match updated {
        ProfileUpdated::Applied(profile) => profile,
        ProfileUpdated::AwaitsApproval(approval) => panic!("waits for {}", approval.id),
    }
}

#[track_caller]
fn waits(updated: ProfileUpdated) -> Approval {
    match updated {
        ProfileUpdated::AwaitsApproval(approval) => approval,
        ProfileUpdated::Applied(profile) => panic!("{} is at {}", profile.id, profile.revision),
    }
}

pub(crate) async fn every_revision_stays_readable(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let first = app.profile_create(&caller, None, named("web")).await.expect("created");
    let second = applied(app.profile_update(&caller, &first.id, Some(1), ttl(86_400)).await.expect("updated"));
    assert_eq!(second.revision, 2);
    let db = fixture.db();
    let kept = certctl_store::profiles::at_revision(db, &first.id, 1).await.expect("read").expect("kept");
    assert_eq!(kept, first.rules);
    let kept = certctl_store::profiles::at_revision(db, &first.id, 2).await.expect("read").expect("kept");
    assert_eq!(kept, second.rules);
    app.profile_delete(&caller, &first.id, Some(2)).await.expect("nothing refers to it");
}

pub(crate) async fn unknown_words_are_reported_with_the_rest(fixture: &Fixture) {
    let input = ProfileInput {
        allowed_key_algorithms: Some(vec![("ECDSA".to_owned(), 256), ("DSA".to_owned(), 1024)]),
        allowed_ekus: Some(vec!["serverauth".to_owned()]),
        permitted_ips: Some(vec!["10.0.0.0/40".to_owned()]),
        acme_auth_mode: Some("none".to_owned()),
        ..named("")
    };
    let fields = refused_fields(fixture.app.profile_create(&admin(), None, input).await);
    assert_eq!(
        fields,
        ["allowed_key_algorithms[1].algorithm", "allowed_ekus[0]", "acme_auth_mode", "name", "permitted_ips[0]"]
    );
}

pub(crate) async fn a_gated_edit_waits_for_a_second_person(fixture: &Fixture) {
    let (app, ada, bob) = (&fixture.app, admin(), person("bob", Role::Operator));
    let gated = ProfileInput { requires_approval: Some(true), ..named("gated") };
    let profile = app.profile_create(&ada, None, gated).await.expect("created");
    let refused = app.profile_delete(&ada, &profile.id, None).await;
    assert_eq!(refused_fields(refused), ["requires_approval"], "one person does not lift the gate by deleting it");

    let open = ProfileInput { requires_approval: Some(false), ..ProfileInput::default() };
    let request = waits(app.profile_update(&ada, &profile.id, None, open).await.expect("asked"));
    assert_eq!(app.profile_get(&ada, &profile.id).await.expect("read"), profile, "nothing is in force yet");
    let own = app.approval_approve(&ada, &request.id, None).await;
    assert!(matches!(own, Err(Error::Forbidden { code: "two_person_integrity", .. })), "{own:?}");

    let done = app.approval_approve(&bob, &request.id, Some("agreed")).await.expect("approved");
    assert_eq!((done.state, done.decided_by.as_deref()), (ApprovalState::Approved, Some("bob-key")));
    let now = app.profile_get(&ada, &profile.id).await.expect("read");
    assert_eq!((now.rules.requires_approval, now.revision), (false, 2));
    let actions = fixture.actions().await;
    for action in ["approval_profile_edit_requested", "approval_approved", "profile.edit_applied"] {
        assert!(actions.iter().any(|known| known == action), "{action} is not among {actions:?}");
    }
}

pub(crate) async fn an_edit_of_a_profile_that_moved_is_not_applied(fixture: &Fixture) {
    let (app, ada, bob) = (&fixture.app, admin(), person("bob", Role::Operator));
    let gated = ProfileInput { requires_approval: Some(true), ..named("gated") };
    let profile = app.profile_create(&ada, None, gated).await.expect("created");
    let first = waits(app.profile_update(&ada, &profile.id, None, ttl(3_600)).await.expect("asked"));
    let second = waits(app.profile_update(&ada, &profile.id, None, ttl(7_200)).await.expect("asked"));
    app.approval_approve(&bob, &first.id, None).await.expect("the base revision is live");
    assert_eq!(conflict(app.approval_approve(&bob, &second.id, None).await), "profile_moved");
    assert_eq!(app.profile_get(&ada, &profile.id).await.expect("read").rules.max_ttl_seconds, 3_600);
    let closed = app.approval_reject(&bob, &second.id, Some("too late")).await.expect("a rejection simply closes it");
    assert_eq!(closed.state, ApprovalState::Rejected);
}

pub(crate) async fn a_policy_change_is_followed_by_a_job(fixture: &Fixture) {
    let (app, caller) = (&fixture.app, admin());
    let id = PolicyId::fixed("rp-default");
    let change = PolicyInput { renewal_window_days: Some(10), ..PolicyInput::default() };
    let policy = app.policy_update(&caller, &id, None, change).await.expect("updated");
    assert_eq!((policy.renewal_window_days, policy.revision), (10, 2));
    let key = "replan:rp-default:2:now";
    let open = certctl_jobs::open_with_key(fixture.db(), key).await.expect("read");
    let job = open.expect("the certificates of the policy are planned anew by a job");
    assert!(
        app.job_list(&caller, &Default::default(), &crate::support::first_page()).await.expect("read").items.is_empty()
    );
    assert_eq!(app.run_due().await.expect("it runs"), 1);
    assert!(fixture.job(&job.id).await.completed_at.is_some());
    fixture.pass(Duration::from_secs(30));
    assert_eq!(app.run_due().await.expect("and again when no replica knows the old policy"), 1);

    let wrong = PolicyInput { max_retries: Some(11), retry_interval_seconds: Some(1), ..PolicyInput::default() };
    let fields = refused_fields(app.policy_update(&caller, &id, None, wrong).await);
    assert_eq!(fields, ["max_retries", "retry_interval_seconds"]);
}
