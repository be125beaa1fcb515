//! Targets that their agents look at.

use std::time::Duration;

use certctl_app::agents::{Report, Step, Task, WorkItem};
use certctl_app::jobs::JobFilter;
use certctl_app::list::{Count, LIMIT_DEFAULT, Start, Window};
use certctl_app::targets::{TargetInput, TargetTested, TestOutcome};
use certctl_app::{App, Error};
use certctl_domain::ids::JobId;
use certctl_domain::target::Target;
use certctl_domain::work::JobKind;
use certctl_jobs::State;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;

use crate::support::{certificate, id, job, work};

async fn asked(world: &TestWorld, agent: &TestAgent) -> TargetTested {
    world.app.target_test(&world.admin(), &agent.target()).await.expect("tested")
}

/// The job of a test that the agent has not answered.
async fn pending(world: &TestWorld, agent: &TestAgent) -> JobId {
    let tested = asked(world, agent).await;
    assert_eq!(tested.outcome, TestOutcome::Pending, "{tested:?}");
    tested.job_id.expect("the agent is asked")
}

async fn target(world: &TestWorld, agent: &TestAgent) -> Target {
    world.app.target_get(&world.admin(), &agent.target()).await.expect("read")
}

async fn taken_up(app: &App, agent: &TestAgent) -> WorkItem {
    let mut items = app.agent_work(&agent.caller(), Duration::from_secs(20), false).await.expect("answered");
    assert_eq!(items.len(), 1, "{items:?}");
    let item = items.remove(0);
    assert!(matches!(&item.task, Task::Test { config, .. } if config.contains("cert_path")), "{:?}", item.task);
    item
}

fn check(outcome: &str, detail: &str) -> Step {
    Step { name: "path".to_owned(), ms: 0, outcome: outcome.to_owned(), detail: Some(detail.to_owned()) }
}

async fn actions(world: &TestWorld) -> Vec<String> {
    use certctl_db::sea_orm::{ConnectionTrait, Statement};
    let db = world.db.db.read();
    let sql = "SELECT action FROM audit_events WHERE action LIKE 'target_test%' ORDER BY occurred_at, id";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("rows");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
}

pub(crate) async fn a_test_is_answered_with_what_the_agent_found(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let app = world.replica_with("server-b", |set| set.test_within = Duration::from_secs(60)).await;
    let (admin, id_of_target) = (world.admin(), agent.target());
    // Asks while the first test is under way, and does not wait.
    let other = world.replica_with("server-c", |set| set.test_within = Duration::ZERO).await;
    let (first, (second, item)) = tokio::join!(app.target_test(&admin, &id_of_target), async {
        let item = taken_up(&app, &agent).await;
        let second = other.target_test(&admin, &id_of_target).await;
        let found = Report {
            lease_epoch: Some(item.job.lease_epoch),
            steps: vec![check("ok", "/etc/ssl/a.pem is there")],
            served_fingerprint: Some("ab".repeat(32)),
            ..Report::default()
        };
        app.agent_job_completed(&agent.caller(), &id(&item.job), &found).await.expect("the result is taken");
        app.agent_job_completed(&agent.caller(), &id(&item.job), &found).await.expect("again, which changes nothing");
        (second, item)
    });
    let (first, second) = (first.expect("tested"), second.expect("under way"));
    assert_eq!(second.outcome, TestOutcome::Pending);
    assert_eq!((first.outcome, &first.checks), (TestOutcome::Success, &vec![check("ok", "/etc/ssl/a.pem is there")]));
    assert_eq!(
        (first.job_id.as_ref(), second.job_id),
        (Some(&id(&item.job)), first.job_id.clone()),
        "one job for both"
    );
    let known = target(world, &agent).await;
    assert_eq!((known.test_status.as_str(), known.last_tested_at), ("success", Some(world.app.now())));
    assert_eq!(actions(world).await, ["target_test_requested", "target_test_connection"]);

    let view = world.app.job_get(&admin, &id(&item.job)).await.expect("shown");
    assert_eq!((view.job.kind.as_str(), view.job.state), ("TestTarget", State::Succeeded));
    assert_eq!(view.found.expect("found").served_fingerprint, Some("ab".repeat(32)));
    let filter = JobFilter { kind: Some(JobKind::TestTarget), ..JobFilter::default() };
    let window = Window { start: Start::Offset(0), limit: LIMIT_DEFAULT, count: Count::Bounded };
    assert_eq!(world.app.job_list(&admin, &filter, &window).await.expect("listed").items.len(), 1);
}

pub(crate) async fn a_finding_of_the_agent_fails_the_test(world: &TestWorld) {
    let (agent, other) = (TestAgent::add(world, "agt-a").await, TestAgent::add(world, "agt-b").await);
    let asked_for = pending(world, &agent).await;
    assert!(work(&world.app, &other).await.is_empty(), "another agent is not given it");
    let item = taken_up(&world.app, &agent).await;
    let cause = "path: /etc/ssl/a.pem is not under a path the agent policy allows";
    let found = Report {
        error: Some(cause.to_owned()),
        error_class: Some("config".to_owned()),
        lease_epoch: Some(item.job.lease_epoch),
        steps: vec![check("failed", cause)],
        ..Report::default()
    };
    let told = world.app.agent_job_failed(&other.caller(), &asked_for, &found).await;
    assert!(matches!(told, Err(Error::Missing { .. })), "{told:?}");
    let old = Report { lease_epoch: Some(item.job.lease_epoch - 1), ..found.clone() };
    let told = world.app.agent_job_failed(&agent.caller(), &asked_for, &old).await;
    assert!(matches!(told, Err(Error::Conflict { code: "lease_lost", .. })), "{told:?}");
    world.app.agent_job_failed(&agent.caller(), &asked_for, &found).await.expect("taken");

    let ended = job(world, asked_for.as_str()).await;
    assert_eq!((ended.state, ended.error_class.as_deref()), (State::Failed, Some("config")), "it is not tried again");
    assert_eq!(target(world, &agent).await.test_status, "failed");
    let view = world.app.job_get(&world.admin(), &asked_for).await.expect("shown");
    assert_eq!(view.found.expect("found").steps, found.steps);
    assert_ne!(pending(world, &agent).await, asked_for, "the next test is another job");
}

pub(crate) async fn a_test_ends_when_its_agent_dies(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let asked_for = pending(world, &agent).await;
    taken_up(&world.app, &agent).await;
    world.clock.advance(Duration::from_secs(91));
    world.app.recover_pass().await.expect("a pass");
    assert_eq!(job(world, asked_for.as_str()).await.state, State::Failed);
    assert_eq!(target(world, &agent).await.test_status, "failed");
    assert_eq!(actions(world).await, ["target_test_requested", "target_test_connection"]);
}

pub(crate) async fn a_test_ends_when_its_agent_never_takes_it_up(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let asked_for = pending(world, &agent).await;
    world.settle().await;
    assert_eq!(job(world, asked_for.as_str()).await.state, State::Pending, "there is time yet");
    world.clock.advance(Duration::from_secs(301));
    world.settle().await;
    let ended = job(world, asked_for.as_str()).await;
    assert_eq!((ended.state, ended.error_class.as_deref()), (State::Expired, Some("expired")));
    assert_eq!(target(world, &agent).await.test_status, "failed");
}

pub(crate) async fn a_test_can_be_cancelled(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let asked_for = pending(world, &agent).await;
    world.app.job_cancel(&world.admin(), &asked_for).await.expect("cancelled");
    assert_eq!(job(world, asked_for.as_str()).await.state, State::Cancelled);
    assert!(work(&world.app, &agent).await.is_empty());
    assert_eq!(target(world, &agent).await.test_status, "untested");
}

pub(crate) async fn a_target_that_changed_meanwhile_is_not_called_tested(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let rename = |name: &str| {
        let input = TargetInput { name: Some(name.to_owned()), ..TargetInput::default() };
        let (app, admin, id) = (world.app.clone(), world.admin(), agent.target());
        async move { app.target_update(&admin, &id, None, input).await.expect("edited") }
    };
    let stale = pending(world, &agent).await;
    rename("second").await;
    assert!(work(&world.app, &agent).await.is_empty(), "what is not there any more is not tested");
    assert_eq!(job(world, stale.as_str()).await.state, State::Cancelled);

    let asked_for = pending(world, &agent).await;
    let item = taken_up(&world.app, &agent).await;
    rename("third").await;
    let report = Report { lease_epoch: Some(item.job.lease_epoch), ..Report::default() };
    world.app.agent_job_completed(&agent.caller(), &asked_for, &report).await.expect("taken");
    assert_eq!(job(world, asked_for.as_str()).await.state, State::Succeeded);
    assert_eq!(target(world, &agent).await.test_status, "untested");
}

pub(crate) async fn a_test_is_no_work_on_a_certificate(world: &TestWorld) {
    let mut agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    agent.work(&world.app).await;
    let why =
        || async { format!("{:?}", world.app.certificate_why(&world.admin(), &certificate).await.expect("told")) };
    let before = why().await;
    let asked_for = pending(world, &agent).await;
    let item = taken_up(&world.app, &agent).await;
    let failed =
        Report { error: Some("path: no".to_owned()), lease_epoch: Some(item.job.lease_epoch), ..Report::default() };
    assert_eq!(why().await, before);
    world.app.agent_job_failed(&agent.caller(), &asked_for, &failed).await.expect("taken");
    assert_eq!(why().await, before);
    let csr = crate::support::csr("a.example");
    let sent = world.app.agent_csr_submit(&agent.caller(), Some(&asked_for), None, None, &csr).await;
    assert!(matches!(sent, Err(Error::Conflict { code: "not_awaiting_csr", .. })), "{sent:?}");
    let filter = JobFilter { certificate_id: Some(certificate.clone()), ..JobFilter::default() };
    let window = Window { start: Start::Offset(0), limit: LIMIT_DEFAULT, count: Count::Bounded };
    let jobs = world.app.job_list(&world.admin(), &filter, &window).await.expect("listed").items;
    assert!(jobs.iter().all(|view| view.job.kind != "TestTarget"));
}
