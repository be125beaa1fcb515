//! A row that cannot be worked on, among others: the pass goes on.

use std::time::Duration;

use certctl_app::certificates::NewCertificate;
use certctl_app::policies::PolicyInput;
use certctl_app::reconcile::Report;
use certctl_db::Backend;
use certctl_domain::ids::{CertificateId, PolicyId};
use certctl_jobs::State;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;

use crate::support::{certificate, csr, damage, job, open_job, told, work};

/// Jobs of three certificates that wait for the agent; the payload of the second cannot be read.
async fn three_jobs(world: &TestWorld, agent: &TestAgent) -> [(CertificateId, String); 3] {
    let mut jobs = Vec::new();
    for name in ["first", "bad", "last"] {
        let certificate = certificate(world, name, &agent.target()).await;
        let job = open_job(world, &certificate).await.id;
        jobs.push((certificate, job));
        world.clock.advance(Duration::from_secs(1));
    }
    damage(world, &format!("UPDATE jobs SET payload = '{{' WHERE id = '{}'", jobs[1].1)).await;
    jobs.try_into().expect("three jobs")
}

/// Makes the job one whose last attempt was lost.
async fn lose(world: &TestWorld, id: &str, lease_until: i64) {
    let sql = format!(
        "UPDATE jobs SET state = 'claimed', lease_owner = 'agt-a', lease_until = {lease_until}, lease_epoch = 1, \
         started_at = 1, attempt = max_attempts WHERE id = '{id}'"
    );
    damage(world, &sql).await;
}

pub(crate) async fn a_bad_row_stops_no_recovery(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let jobs = three_jobs(world, &agent).await;
    for ((_, id), lease_until) in jobs.iter().zip(1..) {
        lose(world, id, lease_until).await;
    }
    let report = world.app.recover_pass().await.expect("the pass goes on");
    assert_eq!((report.seen, report.moved), (3, 2));
    let states =
        [job(world, &jobs[0].1).await.state, job(world, &jobs[1].1).await.state, job(world, &jobs[2].1).await.state];
    assert_eq!(states, [State::Failed, State::Claimed, State::Failed]);
}

pub(crate) async fn a_bad_row_stops_no_timeout(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let jobs = three_jobs(world, &agent).await;
    world.clock.advance(Duration::from_secs(25 * 3_600));
    let report = world.app.csr_timeout_pass().await.expect("the pass goes on");
    assert_eq!((report.seen, report.moved), (3, 2));
    let states =
        [job(world, &jobs[0].1).await.state, job(world, &jobs[1].1).await.state, job(world, &jobs[2].1).await.state];
    assert_eq!(states, [State::Expired, State::AwaitingCsr, State::Expired]);
}

pub(crate) async fn a_bad_row_stops_no_agent_that_starts(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let jobs = three_jobs(world, &agent).await;
    assert_eq!(work(&world.app, &agent).await.len(), 3);
    lose(world, &jobs[1].1, (world.app.now() + Duration::from_secs(60)).unix_micros()).await;
    let items = world.app.agent_work(&agent.caller(), Duration::ZERO, true).await.expect("work is answered");
    let mut given: Vec<_> = items.iter().map(|item| item.certificate().expect("a certificate").id.clone()).collect();
    given.sort();
    let mut wanted = vec![jobs[0].0.clone(), jobs[2].0.clone()];
    wanted.sort();
    assert_eq!(given, wanted);
}

/// Two certificates that their agent serves; the rows of the first are to be damaged.
async fn two_served(world: &TestWorld) -> [CertificateId; 2] {
    let mut agent = TestAgent::add(world, "agt-a").await;
    let served = [certificate(world, "bad", &agent.target()).await, certificate(world, "good", &agent.target()).await];
    agent.work(&world.app).await;
    world.settle().await;
    world.clock.advance(Duration::from_secs(300));
    served
}

fn counted(report: Report) -> (usize, usize, usize, bool) {
    (report.seen, report.moved, report.failed, report.more)
}

pub(crate) async fn a_row_that_cannot_be_read_stops_no_pass(world: &TestWorld) {
    let [bad, good] = two_served(world).await;
    damage(
        world,
        &format!(
            "UPDATE certificate_identities SET renew_at = 2;
             UPDATE certificate_identities SET renew_at = 1, failures = -1 WHERE certificate_id = '{bad}';
             UPDATE target_mappings SET state = 'pending', next_attempt_at = 2;
             UPDATE target_mappings SET next_attempt_at = 1, failures = -1 WHERE certificate_id = '{bad}';"
        ),
    )
    .await;
    let renewal = world.app.renewal_pass().await.expect("the pass goes on");
    assert_eq!(counted(renewal), (2, 1, 1, false));
    let deployment = world.app.deployment_pass().await.expect("the pass goes on");
    assert_eq!(counted(deployment), (2, 1, 1, false));
    let kinds: Vec<String> = certctl_jobs::open_of_certificates(&world.db.db, &[good.to_string()])
        .await
        .expect("read")
        .into_iter()
        .map(|job| job.kind)
        .collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");

    damage(
        world,
        &format!(
            "UPDATE certificate_versions SET state = 'reserved', job_id = NULL WHERE certificate_id IN ('{bad}', '{good}');
             UPDATE certificate_versions SET key_size = -1 WHERE certificate_id = '{bad}';"
        ),
    )
    .await;
    let reserved = world.app.reserved_pass().await.expect("the pass goes on");
    assert_eq!(counted(reserved), (2, 1, 1, false));

    let waiting = [gated(world, "first").await, gated(world, "last").await];
    damage(world, &format!("UPDATE approvals SET metadata = '{{' WHERE certificate_id = '{}'", waiting[0])).await;
    world.clock.advance(Duration::from_secs(366 * 86_400));
    let closed = world.app.approval_expiry_pass().await.expect("the pass goes on");
    assert_eq!(counted(closed), (2, 1, 1, false));
    assert_eq!(told(world, "approval_expired").await, 1);

    damage(world, "INSERT INTO outbox (id, topic, ref, payload, created_at) VALUES ('', 'no.id', 'x', '{}', 1)").await;
    world.app.outbox_pass().await.expect("the pass goes on");
    assert_eq!(certctl_store::outbox::oldest(&world.db.db, 9).await.expect("read"), []);
}

pub(crate) async fn a_row_that_cannot_be_read_keeps_its_plan_alone(world: &TestWorld) {
    let [bad, good] = two_served(world).await;
    let renewed_at = async || {
        let identities = certctl_store::identities::of_certificate(&world.db.db, &good).await.expect("read");
        identities[0].renew_at
    };
    let before = renewed_at().await;
    damage(world, &format!("UPDATE certificate_identities SET failures = -1 WHERE certificate_id = '{bad}'")).await;
    let later = PolicyInput { renewal_window_days: Some(10), ..PolicyInput::default() };
    let policy = PolicyId::fixed("rp-test");
    world.app.policy_update(&world.admin(), &policy, None, later).await.expect("updated");
    world.app.run_due().await.expect("jobs run");
    let after = renewed_at().await;
    assert!(after > before, "the others are planned anew: {before:?}, {after:?}");
    let again = "replan:rp-test:2:now";
    assert_eq!(certctl_jobs::open_with_key(&world.db.db, again).await.expect("read"), None, "the job has its end");
}

/// A certificate that waits for a second person.
async fn gated(world: &TestWorld, name: &str) -> CertificateId {
    if name == "first" {
        world.profile("prof-gated", |rules| rules.requires_approval = true).await;
    }
    let new = NewCertificate {
        certificate_profile_id: Some("prof-gated".into()),
        csr_pem: Some(csr(&format!("{name}.example"))),
        ..TestWorld::wanted(name)
    };
    world.app.certificate_create_and_issue(&world.admin(), new).await.expect("it is created").certificate.id
}

/// Makes a job one that cannot be read, as far as the database lets it happen.
async fn unread(world: &TestWorld, id: &str) {
    let sql = match world.db.db.backend() {
        Backend::Sqlite => format!("UPDATE jobs SET max_attempts = 'many' WHERE id = '{id}'"),
        Backend::Postgres => format!(
            "ALTER TABLE jobs ALTER COLUMN max_attempts DROP NOT NULL;
             UPDATE jobs SET max_attempts = NULL WHERE id = '{id}'"
        ),
    };
    damage(world, &sql).await;
}

pub(crate) async fn a_job_that_cannot_be_read_stops_no_work(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let jobs = three_jobs(world, &agent).await;
    unread(world, &jobs[1].1).await;
    let others = [jobs[0].0.clone(), jobs[2].0.clone()];
    let given = async |resume: bool| {
        let items = world.app.agent_work(&agent.caller(), Duration::ZERO, resume).await.expect("work is answered");
        items.iter().map(|item| item.certificate().expect("a certificate").id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(given(false).await, others);
    assert_eq!(given(true).await, others, "also to an agent that starts anew");
    world.clock.advance(world.app.settings().agent_lease + Duration::from_secs(1));
    let recovered = world.app.recover_pass().await.expect("the pass goes on");
    assert_eq!(counted(recovered), (3, 2, 1, false));
    assert_eq!(given(false).await, others, "it is in nobody's way the next time either");
}

/// More than fit one page.
const BAD: usize = 250;

pub(crate) async fn a_page_of_bad_rows_starves_nobody(world: &TestWorld) {
    let [_, good] = two_served(world).await;
    let mut sql = format!("UPDATE certificate_identities SET renew_at = 2 WHERE certificate_id = '{good}';");
    for n in 0..BAD {
        sql += &format!(
            "INSERT INTO certificate_identities (certificate_id, holder, renew_at, failures) \
             VALUES ('{good}', 'bad{n}', 1, -1);"
        );
    }
    damage(world, &sql).await;
    for round in 0..2 {
        let first = world.app.renewal_pass().await.expect("the pass goes on");
        assert_eq!(counted(first), (200, 0, 200, true), "round {round}");
        let second = world.app.renewal_pass().await.expect("the pass goes on");
        let planned = usize::from(round == 0);
        assert_eq!(counted(second), (50 + planned, planned, 50, false), "round {round}");
    }

    let agent = TestAgent::add(world, "agt-b").await;
    let waiting = certificate(world, "waiting", &agent.target()).await;
    let waits = open_job(world, &waiting).await.id;
    let mut sql = String::new();
    for n in 0..BAD {
        sql += &format!(
            "INSERT INTO jobs (id, kind, executor, agent_id, certificate_id, state, payload, attempt, max_attempts, \
             retry_seconds, priority, not_before, lease_epoch, idempotency_key, cancel_requested, state_changed_at, created_at) \
             SELECT 'job-bad-{n}', kind, executor, agent_id, certificate_id, state, '{{', attempt, max_attempts, \
             retry_seconds, priority, not_before, lease_epoch, 'bad-{n}', cancel_requested, 1, created_at \
             FROM jobs WHERE id = '{waits}';"
        );
    }
    damage(world, &sql).await;
    world.clock.advance(Duration::from_secs(25 * 3_600));
    let first = world.app.csr_timeout_pass().await.expect("the pass goes on");
    assert_eq!(counted(first), (200, 0, 200, true));
    let second = world.app.csr_timeout_pass().await.expect("the pass goes on");
    assert!(second.moved > 0, "{second:?}");
    assert_eq!(job(world, &waits).await.state, State::Expired);
}
