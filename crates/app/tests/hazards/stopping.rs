//! Work that somebody calls off while an agent has it.

use std::time::Duration;

use certctl_app::Error;
use certctl_app::agents::{Report, WorkItem};
use certctl_app::jobs::Cancelled;
use certctl_jobs::State;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;

use crate::support::{certificate, id, job, send_requests, work};

async fn handed_out(world: &TestWorld, agent: &TestAgent) -> WorkItem {
    let mut items = work(&world.app, agent).await;
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}

async fn call_off(world: &TestWorld, item: &WorkItem) {
    let asked = world.app.job_cancel(&world.admin(), &id(&item.job)).await.expect("asked");
    assert_eq!(asked, Cancelled::Requested);
}

/// The agent says that it works on it.
async fn begins(world: &TestWorld, agent: &TestAgent, item: &WorkItem) -> Result<(), Error> {
    world.app.agent_job_running(&agent.caller(), &id(&item.job), Some(item.job.lease_epoch)).await
}

#[track_caller]
fn is_called_off(answer: Result<(), Error>) {
    assert!(matches!(answer, Err(Error::Conflict { code: "job_cancelled", .. })), "{answer:?}");
}

/// The agent could not do it, and the job is over.
async fn fails(world: &TestWorld, agent: &TestAgent, item: &WorkItem) {
    let report =
        Report { error: Some("no room left".to_owned()), lease_epoch: Some(item.job.lease_epoch), ..Report::default() };
    world.app.agent_job_failed(&agent.caller(), &id(&item.job), &report).await.expect("the result is taken");
    let ended = job(world, &item.job.id).await;
    assert_eq!(ended.state, State::Cancelled);
    let reason = ended.last_error.expect("a reason");
    assert!(reason.contains("cancelled") && reason.contains("no room left"), "{reason}");
}

pub(crate) async fn a_deployment_called_off_before_it_begins_does_not_begin(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = handed_out(world, &agent).await;
    call_off(world, &item).await;
    is_called_off(begins(world, &agent, &item).await);
    assert_eq!(job(world, &item.job.id).await.state, State::Cancelled);
}

pub(crate) async fn a_deployment_that_fails_once_called_off_is_not_repeated(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = handed_out(world, &agent).await;
    begins(world, &agent, &item).await.expect("it begins");
    call_off(world, &item).await;
    // It finishes what it has begun: until then the lease is its own.
    world.clock.advance(Duration::from_secs(10));
    is_called_off(begins(world, &agent, &item).await);
    let held = job(world, &item.job.id).await;
    assert_eq!(held.state, State::Running);
    assert!(held.lease_until > item.job.lease_until);
    fails(world, &agent, &item).await;
}

pub(crate) async fn a_request_that_fails_once_called_off_is_not_repeated(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    certificate(world, "a", &agent.target()).await;
    let item = handed_out(world, &agent).await;
    call_off(world, &item).await;
    fails(world, &agent, &item).await;
}
