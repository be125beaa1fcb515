//! Handshakes that are reported apart from the result.

use std::time::Duration;

use certctl_app::Error;
use certctl_app::agents::{Report, Task, Verification, WorkItem};
use certctl_db::Unit;
use certctl_domain::target::{MappingState, VerifyStatus};
use certctl_jobs::State;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;

use crate::support::{certificate, id, job, mapping, send_requests, work};

/// The deployment that is due.
async fn deployment(world: &TestWorld, agent: &TestAgent) -> WorkItem {
    let mut items = work(&world.app, agent).await;
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}

fn wanted(item: &WorkItem) -> String {
    match &item.task {
        Task::Deploy { version, .. } => version.fingerprint_sha256.clone().expect("an issued version"),
        Task::Request { .. } | Task::Test { .. } => panic!("a deployment is due"),
    }
}

fn seen(agent: &TestAgent, item: &WorkItem, fingerprint: &str, verified: bool) -> Verification {
    Verification {
        target_id: agent.target(),
        expected_fingerprint: wanted(item),
        actual_fingerprint: fingerprint.to_owned(),
        verified,
        error: None,
    }
}

/// What an agent says that knows no leases and no handshake of its own.
async fn complete(world: &TestWorld, agent: &TestAgent, item: &WorkItem) {
    let done = world.app.agent_job_completed(&agent.caller(), &id(&item.job), &Report::default()).await;
    done.expect("the result is taken");
}

pub(crate) async fn a_failed_handshake_fails_the_deployment(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = deployment(world, &agent).await;
    let verify = |said| {
        let (caller, job) = (agent.caller(), id(&item.job));
        async move { world.app.agent_job_verify(&caller, &job, &said).await }
    };
    verify(seen(&agent, &item, &"0".repeat(64), false)).await.expect("noted");
    let known = mapping(world, &certificate, &agent.target()).await;
    assert_eq!((known.state, known.verify_status), (MappingState::Failed, VerifyStatus::Failed));
    let reason = known.last_error.expect("a reason");
    assert!(reason.contains("instead of"), "{reason}");

    complete(world, &agent, &item).await;
    let failed = job(world, &item.job.id).await;
    assert_eq!((failed.state, failed.error_class.as_deref()), (State::Pending, Some("target")), "it is tried again");
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::Failed);
    match verify(seen(&agent, &item, &wanted(&item), true)).await {
        Err(Error::Conflict { code: "already_reported", .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::Failed);

    // The next attempt owes nothing to the first.
    world.clock.advance(Duration::from_secs(120));
    let item = deployment(world, &agent).await;
    complete(world, &agent, &item).await;
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::NotVerified);
}

pub(crate) async fn a_reported_handshake_proves_the_result(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = deployment(world, &agent).await;
    let said = seen(&agent, &item, &wanted(&item), true);
    world.app.agent_job_verify(&agent.caller(), &id(&item.job), &said).await.expect("noted");
    let known = mapping(world, &certificate, &agent.target()).await;
    assert_eq!((known.state, known.verify_status), (MappingState::Deploying, VerifyStatus::Success));

    complete(world, &agent, &item).await;
    let known = mapping(world, &certificate, &agent.target()).await;
    assert_eq!((known.state, known.served_fingerprint), (MappingState::Verified, Some(wanted(&item))));
    let late = seen(&agent, &item, &"0".repeat(64), false);
    match world.app.agent_job_verify(&agent.caller(), &id(&item.job), &late).await {
        Err(Error::Conflict { code: "already_reported", .. }) => {}
        other => panic!("{other:?}"),
    }
    let known = mapping(world, &certificate, &agent.target()).await;
    assert_eq!((known.state, known.verify_status), (MappingState::Verified, VerifyStatus::Success));
}

pub(crate) async fn a_target_that_changed_meanwhile_is_installed_anew(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = deployment(world, &agent).await;
    let mut unit = Unit::new();
    certctl_store::mappings::reinstall_at(&mut unit, &agent.target(), world.app.now());
    world.db.db.commit(unit).await.expect("the target changed");
    complete(world, &agent, &item).await;
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::Pending);
    world.settle().await;
    let again = deployment(world, &agent).await;
    complete(world, &agent, &again).await;
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::NotVerified);
}
