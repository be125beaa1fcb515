//! Two persons for an issuance.

use std::time::Duration;

use certctl_app::Error;
use certctl_app::approvals::ApprovalFilter;
use certctl_app::certificates::NewCertificate;
use certctl_app::fleet::{Retire, Retired};
use certctl_app::jobs::Cancelled;
use certctl_app::owners::OwnerInput;
use certctl_app::profiles::ProfileInput;
use certctl_app::targets::NewTarget;
use certctl_app::teams::TeamInput;
use certctl_domain::actor::Person;
use certctl_domain::approval::{Approval, ApprovalState};
use certctl_domain::permission::Role;
use certctl_domain::target::MappingState;
use certctl_jobs::State;
use serde_json::json;

use crate::settings::agent;
use crate::support::{Fixture, admin, conflict, first_page, person};

/// A certificate under a gated profile, asked for: its request for a second person.
async fn asked(fixture: &Fixture) -> Approval {
    let (app, ada) = (&fixture.app, admin());
    let team = TeamInput { name: Some("Web".to_owned()), description: None };
    let team = app.team_create(&ada, None, team).await.expect("a team");
    let owner = OwnerInput {
        name: Some("Ada".to_owned()),
        email: Some("ada@example.org".to_owned()),
        team_id: Some(team.id.to_string()),
    };
    let owner = app.owner_create(&ada, None, owner).await.expect("an owner");
    let profile =
        ProfileInput { name: Some("gated".to_owned()), requires_approval: Some(true), ..ProfileInput::default() };
    let profile = app.profile_create(&ada, None, profile).await.expect("a profile");
    let host = app.agent_create(&ada, agent("web-1")).await.expect("an agent").agent;
    let target = NewTarget {
        name: "site".to_owned(),
        kind: "File".to_owned(),
        agent_id: host.id.to_string(),
        config: Some(json!({"cert_path": "/etc/tls/site.pem"})),
        ..NewTarget::default()
    };
    let target = app.target_create(&ada, target).await.expect("a target");
    let new = NewCertificate {
        name: "site".to_owned(),
        common_name: "site.example.org".to_owned(),
        sans: vec!["site.example.org".to_owned()],
        environment: "test".to_owned(),
        owner_id: owner.id.to_string(),
        team_id: team.id.to_string(),
        issuer_id: "iss-local".to_owned(),
        renewal_policy_id: "rp-default".to_owned(),
        certificate_profile_id: Some(profile.id.to_string()),
        target_ids: vec![target.id.to_string()],
        ..NewCertificate::default()
    };
    let certificate = app.certificate_create(&ada, new).await.expect("a certificate").certificate;
    app.certificate_renew(&ada, &certificate.id, None, false).await.expect("asked for");
    let filter = ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
    let listed = app.approval_list(&ada, &filter, &first_page()).await.expect("read");
    assert_eq!((listed.items.len(), listed.total.rows), (1, 1));
    listed.items.into_iter().next().expect("one request")
}

fn job_of(request: &Approval) -> &str {
    request.job_id.as_ref().expect("an issuance names its job").as_str()
}

pub(crate) async fn an_approved_issuance_goes_where_its_key_is(fixture: &Fixture) {
    let request = asked(fixture).await;
    assert_eq!(fixture.job(job_of(&request)).await.state, State::AwaitingApproval);
    let done =
        fixture.app.approval_approve(&person("bob", Role::Operator), &request.id, Some("go")).await.expect("approved");
    assert_eq!((done.state, done.consumed_at), (ApprovalState::Approved, None));
    let job = fixture.job(job_of(&request)).await;
    assert_eq!(job.state, State::AwaitingCsr, "an agent makes the key and there is no request yet");
}

pub(crate) async fn two_persons_are_needed(fixture: &Fixture) {
    let request = asked(fixture).await;
    let app = &fixture.app;
    // A second key of the same person is the same person.
    let mut again = person("ada", Role::Operator);
    again.actor.id = "ada-other-key".to_owned();
    for refused in [
        app.approval_approve(&again, &request.id, None).await,
        app.approval_reject(&again, &request.id, None).await,
        app.job_approve(&again, request.job_id.as_ref().expect("a job")).await,
    ] {
        assert!(matches!(refused, Err(Error::Forbidden { code: "two_person_integrity", .. })), "{refused:?}");
    }
    let mut machine = person("none", Role::Operator);
    machine.person = Person::none();
    let refused = app.approval_approve(&machine, &request.id, None).await;
    assert!(matches!(refused, Err(Error::Forbidden { code: "not_a_person", .. })), "{refused:?}");
    assert_eq!(fixture.job(job_of(&request)).await.state, State::AwaitingApproval);
}

pub(crate) async fn one_decision_wins(fixture: &Fixture) {
    let request = asked(fixture).await;
    let (bob, eve) = (person("bob", Role::Operator), person("eve", Role::Operator));
    let (yes, no) = futures::future::join(
        fixture.app.approval_approve(&bob, &request.id, None),
        fixture.app.approval_reject(&eve, &request.id, None),
    )
    .await;
    assert!(yes.is_ok() != no.is_ok(), "{yes:?} {no:?}");
    let lost = if yes.is_ok() { no } else { yes };
    assert!(matches!(lost, Err(Error::Conflict { code: "already_decided" | "job_moved", .. })), "{lost:?}");
    let job = fixture.job(job_of(&request)).await;
    assert!(matches!(job.state, State::AwaitingCsr | State::Cancelled), "{:?}", job.state);
}

pub(crate) async fn a_rejected_issuance_is_cancelled(fixture: &Fixture) {
    let request = asked(fixture).await;
    let bob = person("bob", Role::Operator);
    let job = request.job_id.clone().expect("a job");
    fixture.app.job_reject(&bob, &job, Some("wrong name")).await.expect("rejected through the older door");
    let ended = fixture.job(job.as_str()).await;
    assert_eq!((ended.state, ended.last_error.as_deref()), (State::Cancelled, Some("approval rejected: wrong name")));
    let closed = fixture.app.approval_get(&bob, &request.id).await.expect("read");
    assert_eq!((closed.state, closed.decision_note.as_deref()), (ApprovalState::Rejected, Some("wrong name")));
    assert_eq!(conflict(fixture.app.approval_approve(&bob, &request.id, None).await), "already_decided");
}

pub(crate) async fn an_undecided_request_expires(fixture: &Fixture) {
    let request = asked(fixture).await;
    assert_eq!(fixture.app.approval_expiry_pass().await.expect("looked").seen, 0);
    fixture.pass(Duration::from_secs(168 * 3_600));
    let late = fixture.app.approval_approve(&person("bob", Role::Operator), &request.id, None).await;
    assert_eq!(conflict(late), "approval_expired");
    assert_eq!(fixture.app.approval_expiry_pass().await.expect("looked").moved, 1);
    let job = fixture.job(job_of(&request)).await;
    assert_eq!((job.state, job.error_class.as_deref()), (State::Expired, Some("expired")));
    let closed = fixture.app.approval_get(&admin(), &request.id).await.expect("read");
    assert_eq!(closed.state, ApprovalState::Expired);
}

pub(crate) async fn a_cancelled_job_closes_its_request(fixture: &Fixture) {
    let request = asked(fixture).await;
    let (app, ada) = (&fixture.app, admin());
    let job = request.job_id.clone().expect("a job");
    assert_eq!(app.job_cancel(&ada, &job).await.expect("cancelled"), Cancelled::Now);
    assert_eq!(conflict(app.job_cancel(&ada, &job).await), "job_ended");
    assert_eq!(app.approval_get(&ada, &request.id).await.expect("read").state, ApprovalState::Rejected);
    let shown = app.job_get(&ada, &job).await.expect("read");
    assert_eq!(certctl_app::jobs::status(shown.job.state).as_str(), "Cancelled");
}

pub(crate) async fn a_retired_agent_takes_its_requests_along(fixture: &Fixture) {
    let request = asked(fixture).await;
    let (app, ada) = (&fixture.app, admin());
    let agent = app.agent_list(&ada, &first_page()).await.expect("read").items.remove(0);
    let force = Retire::WithAll { reason: "host is gone".to_owned() };
    match app.agent_retire(&ada, &agent.id, &force).await.expect("retired") {
        Retired::Now { counts, certificates, .. } => {
            assert_eq!((counts.active_targets, counts.active_certificates, counts.pending_jobs), (1, 1, 1));
            assert_eq!(certificates.first(), request.certificate_id.as_ref());
        }
        Retired::Before => panic!("it was not retired yet"),
    }
    let job = fixture.job(job_of(&request)).await;
    assert_eq!((job.state, job.error_class.as_deref()), (State::Cancelled, Some("agent_retired")));
    assert_eq!(app.approval_get(&ada, &request.id).await.expect("read").state, ApprovalState::Rejected);
    let certificate = request.certificate_id.as_ref().expect("an issuance names its certificate");
    let mappings = certctl_store::mappings::of_certificate(fixture.db(), certificate).await.expect("read");
    assert!(mappings.iter().all(|mapping| mapping.state == MappingState::Orphaned), "{mappings:?}");
}
