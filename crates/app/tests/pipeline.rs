//! The pipeline between its doors: a second person, an issuer that answers late, wrongly or not at all, and jobs called off.

use std::sync::Arc;
use std::time::Duration;

use certctl_app::approvals::ApprovalFilter;
use certctl_app::certificates::{CertificateChange, Created, NewCertificate};
use certctl_app::jobs::Cancelled;
use certctl_app::list::{Count, Start, Window};
use certctl_app::{Clock, Error};
use certctl_connector::ErrorClass;
use certctl_db::sea_orm::{ConnectionTrait, Statement};
use certctl_domain::approval::{Approval, ApprovalState};
use certctl_domain::certificate::{Version, VersionState};
use certctl_domain::ids::{JobId, VersionId};
use certctl_domain::permission::Role;
use certctl_domain::target::MappingState;
use certctl_jobs::{Job, State};
use certctl_pki::{Certificate, Csr, KeyKind, PrivateKey, San, Timestamp};
use certctl_testkit::agent::TestAgent;
use certctl_testkit::issuer::SlowIssuer;
use certctl_testkit::wait;
use certctl_testkit::world::TestWorld;

certctl_testkit::on_both_worlds!(
    what_a_second_person_approved_is_issued_by_the_local_ca,
    what_a_second_person_approved_is_issued_by_a_slow_issuer_that_failed_meanwhile,
    a_poll_that_fails_does_not_lose_the_order,
    an_issuer_that_adds_a_name_is_refused_and_what_it_signed_is_on_record,
    an_order_has_its_time,
    what_an_issuer_signs_for_a_job_called_off_is_on_record,
    a_job_called_off_while_it_is_worked_on_ends_where_it_rests,
    a_lease_is_kept_while_the_issuer_takes_its_time,
    a_deployment_that_ended_without_a_word_is_planned_again,
    a_renewal_never_drops_the_request_it_was_given,
    a_refusal_names_the_place_in_which_a_name_was_sent,
);

async fn create(world: &TestWorld, edit: impl FnOnce(&mut NewCertificate)) -> Created {
    let mut new = TestWorld::wanted("a");
    edit(&mut new);
    world.app.certificate_create_and_issue(&world.admin(), new).await.expect("it is created")
}

/// An issuer outside that needs so many polls, and a certificate asked of it.
async fn ordered(world: &TestWorld, polls: u32) -> (Arc<SlowIssuer>, JobId) {
    let issuer = outside(world, polls).await;
    let created = create(world, |new| {
        new.issuer_id = "iss-slow".into();
        new.csr_pem = Some(csr());
    })
    .await;
    (issuer, created.job_id.expect("a job"))
}

async fn outside(world: &TestWorld, polls: u32) -> Arc<SlowIssuer> {
    let issuer = Arc::new(SlowIssuer::new(polls, Clock::now(world.clock.as_ref())));
    world.outside_issuer("iss-slow", issuer.clone()).await;
    issuer
}

fn csr() -> String {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    Csr::build(&key, Some("a.example"), &[San::parse("a.example").expect("a name")]).expect("a request").to_pem()
}

async fn job(world: &TestWorld, id: &JobId) -> Job {
    certctl_jobs::job(&world.db.db, id.as_str()).await.expect("asked").expect("there")
}

async fn version(world: &TestWorld, job: &JobId, state: VersionState) -> Option<Version> {
    let state = state.as_str();
    let sql = format!("SELECT id FROM certificate_versions WHERE job_id = '{job}' AND state = '{state}'");
    let id = texts(world, sql).await.pop()?;
    let id = VersionId::parse(&id).expect("an id");
    certctl_store::versions::get(&world.db.db, &id).await.expect("asked")
}

async fn texts(world: &TestWorld, sql: impl Into<String>) -> Vec<String> {
    let read = world.db.db.read();
    let rows = read.query_all_raw(Statement::from_string(read.get_database_backend(), sql)).await.expect("asked");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
}

/// Goes to where the job is due, and runs it.
async fn next_attempt(world: &TestWorld, id: &JobId) -> Job {
    let at = Timestamp::from_unix_micros(job(world, id).await.not_before);
    world.clock.set(at.max(world.app.now()));
    world.app.run_due().await.expect("jobs run");
    job(world, id).await
}

async fn approve(world: &TestWorld) -> Approval {
    let filter = ApprovalFilter { state: Some(ApprovalState::Pending), ..ApprovalFilter::default() };
    let window = Window { start: Start::Offset(0), limit: 10, count: Count::Bounded };
    let waiting = world.app.approval_list(&world.admin(), &filter, &window).await.expect("listed").items;
    let [one] = waiting.as_slice() else { panic!("{waiting:?}") };
    let bob = world.person("bob", Role::Operator);
    world.app.approval_approve(&bob, &one.id, None).await.expect("approved")
}

async fn consumed(world: &TestWorld, approval: &Approval) -> bool {
    world.app.approval_get(&world.admin(), &approval.id).await.expect("there").consumed_at.is_some()
}

async fn what_a_second_person_approved_is_issued_by_the_local_ca(world: &TestWorld) {
    world.profile("prof-gated", |rules| rules.requires_approval = true).await;
    let mut agent = TestAgent::add(world, "agt-a").await;
    let created = create(world, |new| {
        new.certificate_profile_id = Some("prof-gated".into());
        new.target_ids = vec![agent.target().to_string()];
    })
    .await;
    assert_eq!(agent.work(&world.app).await, 0, "nothing is asked of the agent before");
    let approval = approve(world).await;
    assert!(!consumed(world, &approval).await);
    agent.work(&world.app).await;
    assert_eq!(agent.served.len(), 1, "it was issued and deployed");
    assert!(consumed(world, &approval).await);
    let targets = world.app.certificate_targets(&world.admin(), &created.certificate.id).await.expect("mapped");
    assert_eq!(targets[0].0.state, MappingState::Verified);
}

async fn what_a_second_person_approved_is_issued_by_a_slow_issuer_that_failed_meanwhile(world: &TestWorld) {
    world.profile("prof-gated", |rules| rules.requires_approval = true).await;
    let issuer = outside(world, 3).await;
    let created = create(world, |new| {
        new.issuer_id = "iss-slow".into();
        new.certificate_profile_id = Some("prof-gated".into());
        new.csr_pem = Some(csr());
    })
    .await;
    let id = created.job_id.expect("a job");
    assert_eq!(job(world, &id).await.state, State::AwaitingApproval);
    let approval = approve(world).await;
    issuer.fail(Some(ErrorClass::Upstream5xx));
    assert_eq!(next_attempt(world, &id).await.state, State::Pending, "the order failed and is tried again");
    assert!(consumed(world, &approval).await, "one approval is for one issuance");
    issuer.fail(None);
    for _ in 0..5 {
        next_attempt(world, &id).await;
    }
    assert_eq!(job(world, &id).await.state, State::Succeeded);
    assert_eq!(issuer.orders(), [1]);
}

async fn a_poll_that_fails_does_not_lose_the_order(world: &TestWorld) {
    let (issuer, id) = ordered(world, 2).await;
    assert_eq!(next_attempt(world, &id).await.state, State::AwaitingIssuer);
    issuer.fail(Some(ErrorClass::Network));
    for _ in 0..6 {
        let failed = next_attempt(world, &id).await;
        assert_eq!((failed.state, failed.error_class.as_deref()), (State::AwaitingIssuer, Some("transient")));
    }
    issuer.fail(None);
    assert_eq!(next_attempt(world, &id).await.state, State::AwaitingIssuer, "it waits for the same order");
    next_attempt(world, &id).await;
    assert_eq!(job(world, &id).await.state, State::Succeeded);
    assert_eq!(issuer.orders(), [1], "one order");
}

async fn an_issuer_that_adds_a_name_is_refused_and_what_it_signed_is_on_record(world: &TestWorld) {
    let issuer = outside(world, 0).await;
    issuer.add_names(vec![San::parse("bank.example").expect("a name")]);
    let created = create(world, |new| {
        new.issuer_id = "iss-slow".into();
        new.csr_pem = Some(csr());
    })
    .await;
    let id = created.job_id.expect("a job");
    world.settle().await;
    let ended = job(world, &id).await;
    assert_eq!(ended.state, State::Failed);
    assert!(ended.last_error.expect("a cause").contains("bank.example was not asked for"));
    assert!(version(world, &id, VersionState::Issued).await.is_none());
    let refused = version(world, &id, VersionState::Void).await.expect("on record");
    let leaf = Certificate::parse_der(&refused.certificate.expect("kept")).expect("a certificate");
    assert!(leaf.sans().contains(&San::parse("bank.example").expect("a name")));
    let serial = format!("\"serial\":\"{}\"", leaf.serial().to_hex());
    let voided = texts(world, "SELECT details FROM audit_events WHERE action = 'certificate_version_voided'").await;
    assert!(voided.iter().any(|details| details.contains(&serial)), "{voided:?}");
}

async fn an_order_has_its_time(world: &TestWorld) {
    let (issuer, id) = ordered(world, u32::MAX).await;
    assert_eq!(next_attempt(world, &id).await.state, State::AwaitingIssuer);
    world.clock.advance(certctl_app::Settings::default().order_timeout + Duration::from_secs(1));
    let over = next_attempt(world, &id).await;
    assert_eq!((over.state, over.error_class.as_deref()), (State::Failed, Some("expired")));
    world.settle().await;
    let void = version(world, &id, VersionState::Void).await.expect("given up");
    assert!(void.void_reason.expect("why").contains("was not answered in its time"));
    assert_eq!(issuer.orders(), [1]);
}

async fn what_an_issuer_signs_for_a_job_called_off_is_on_record(world: &TestWorld) {
    let (issuer, id) = ordered(world, 2).await;
    assert_eq!(next_attempt(world, &id).await.state, State::AwaitingIssuer);
    assert_eq!(world.app.job_cancel(&world.admin(), &id).await.expect("cancelled"), Cancelled::Now);
    assert_eq!(job(world, &id).await.state, State::Cancelled);
    issuer.fail(Some(ErrorClass::Network));
    world.clock.advance(Duration::from_secs(300));
    world.settle().await;
    assert!(version(world, &id, VersionState::Reserved).await.is_some(), "nobody knows yet what becomes of the order");
    issuer.fail(None);
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(60));
        world.settle().await;
    }
    let void = version(world, &id, VersionState::Void).await.expect("it has its end");
    let leaf = Certificate::parse_der(&void.certificate.expect("what was signed")).expect("a certificate");
    assert_eq!(leaf.sans(), [San::parse("a.example").expect("a name")]);
    assert!(version(world, &id, VersionState::Issued).await.is_none());
    assert_eq!(issuer.orders(), [1]);
}

async fn a_job_called_off_while_it_is_worked_on_ends_where_it_rests(world: &TestWorld) {
    let issuer = outside(world, 1).await;
    issuer.hold(true);
    let created = create(world, |new| {
        new.issuer_id = "iss-slow".into();
        new.csr_pem = Some(csr());
    });
    let worked_on = async {
        let id = wait::until("the job is worked on", Duration::from_secs(30), async || leased(world).await).await;
        assert_eq!(world.app.job_cancel(&world.admin(), &id).await.expect("asked"), Cancelled::Requested);
        assert_eq!(world.app.job_cancel(&world.admin(), &id).await.expect("asked again"), Cancelled::Requested);
        issuer.hold(false);
        id
    };
    let run = async {
        // The job is run by hand here: no server runs in this world.
        wait::until("a job", Duration::from_secs(30), async || {
            (world.app.run_due().await.expect("jobs run") > 0).then_some(())
        })
        .await;
    };
    let (_, id, ()) = tokio::join!(created, worked_on, run);
    assert_eq!(job(world, &id).await.state, State::Cancelled);
    // The order was placed meanwhile.
    world.clock.advance(Duration::from_secs(300));
    world.settle().await;
    assert!(version(world, &id, VersionState::Void).await.expect("it has its end").certificate.is_some());
}

async fn leased(world: &TestWorld) -> Option<JobId> {
    let filter = certctl_jobs::Filter { states: vec![State::Claimed, State::Running], ..Default::default() };
    let jobs = certctl_jobs::jobs(&world.db.db, &filter, None, 0, 10).await.expect("listed");
    let reserved = texts(world, "SELECT id FROM certificate_versions WHERE state = 'reserved'").await;
    let job = jobs.into_iter().find(|job| job.lease_until.is_some())?;
    (!reserved.is_empty()).then(|| JobId::parse(&job.id).expect("an id"))
}

async fn a_lease_is_kept_while_the_issuer_takes_its_time(world: &TestWorld) {
    let issuer = outside(world, 0).await;
    issuer.hold(true);
    let app = world.replica_with("server-b", |settings| settings.lease = Duration::from_millis(300)).await;
    let created = create(world, |new| {
        new.issuer_id = "iss-slow".into();
        new.csr_pem = Some(csr());
    });
    let run = async {
        wait::until("a job", Duration::from_secs(30), async || {
            (app.run_due().await.expect("jobs run") > 0).then_some(())
        })
        .await;
    };
    let watch = async {
        let id = wait::until("the job is worked on", Duration::from_secs(30), async || leased(world).await).await;
        let first = job(world, &id).await.lease_until.expect("a lease");
        world.clock.advance(Duration::from_millis(250));
        wait::until("the lease is extended", Duration::from_secs(30), async || {
            (job(world, &id).await.lease_until? > first).then_some(())
        })
        .await;
        issuer.hold(false);
        id
    };
    let (_, id, ()) = tokio::join!(created, watch, run);
    assert_eq!(job(world, &id).await.state, State::Succeeded);
    assert_eq!(issuer.orders(), [1]);
}

async fn a_deployment_that_ended_without_a_word_is_planned_again(world: &TestWorld) {
    let mut agent = TestAgent::add(world, "agt-a").await;
    let id = create(world, |new| new.target_ids = vec![agent.target().to_string()]).await.certificate.id;
    let request = world.app.agent_work(&agent.caller(), Duration::ZERO, false).await.expect("work").remove(0);
    agent.answer(&world.app, request).await;
    let deployment = world.app.agent_work(&agent.caller(), Duration::ZERO, false).await.expect("work").remove(0);
    let state = async || world.app.certificate_targets(&world.admin(), &id).await.expect("mapped")[0].0.state;
    assert_eq!(state().await, MappingState::Deploying);
    // Called off while the agent works on it, and the agent never says another word.
    let held = JobId::parse(&deployment.job.id).expect("an id");
    world.app.job_cancel(&world.admin(), &held).await.expect("asked");
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(400));
        world.settle().await;
        agent.work(&world.app).await;
    }
    assert_eq!(state().await, MappingState::Verified);
    assert_eq!(agent.served.len(), 1);
}

async fn a_renewal_never_drops_the_request_it_was_given(world: &TestWorld) {
    let issuer = outside(world, 9).await;
    let (first, second) = (csr(), csr());
    let created = create(world, |new| {
        new.issuer_id = "iss-slow".into();
        new.csr_pem = Some(first.clone());
    })
    .await;
    let (id, under_way) = (created.certificate.id, created.job_id.expect("a job"));
    let renew = async |csr: Option<&str>| world.app.certificate_renew(&world.admin(), &id, csr, true).await;
    assert_eq!(renew(Some(&first)).await.expect("the same request").job_ids, std::slice::from_ref(&under_way));
    let refused = renew(Some(&second)).await;
    assert!(matches!(refused, Err(Error::Conflict { code: "renewal_in_progress", .. })), "{refused:?}");
    assert_eq!(issuer.orders().len(), 0);
}

async fn a_refusal_names_the_place_in_which_a_name_was_sent(world: &TestWorld) {
    world.profile("prof-plain", |rules| rules.names.allow_wildcards = false).await;
    let new = NewCertificate {
        sans: vec!["z.example".to_owned(), "*.a.example".to_owned()],
        certificate_profile_id: Some("prof-plain".into()),
        ..TestWorld::wanted("a")
    };
    let refused = world.app.certificate_create(&world.admin(), new.clone()).await.expect_err("a wildcard");
    let Error::Refused(refusals) = refused else { panic!("{refused:?}") };
    assert_eq!(refusals.0.iter().map(|each| each.field.as_str()).collect::<Vec<_>>(), ["sans[1]"]);
    let plain = NewCertificate { sans: vec!["z.example".to_owned()], ..new };
    let id = world.app.certificate_create(&world.admin(), plain).await.expect("it is created").certificate.id;
    let change = CertificateChange {
        sans: Some(vec!["z.example".to_owned(), "*.a.example".to_owned()]),
        ..CertificateChange::default()
    };
    let refused = world.app.certificate_update(&world.admin(), &id, change, None).await.expect_err("a wildcard");
    let Error::Refused(refusals) = refused else { panic!("{refused:?}") };
    assert_eq!(refusals.0.iter().map(|each| each.field.as_str()).collect::<Vec<_>>(), ["sans[1]"]);
}
