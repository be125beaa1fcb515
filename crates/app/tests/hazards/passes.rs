//! A row that cannot be worked on, among others: the pass goes on.

use std::time::Duration;

use certctl_domain::ids::CertificateId;
use certctl_jobs::State;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;

use crate::support::{certificate, damage, job, open_job, work};

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
