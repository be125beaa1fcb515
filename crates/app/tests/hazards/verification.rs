//! Handshakes that are reported apart from the result.

use std::time::Duration;

use certctl_app::Error;
use certctl_app::agents::{Report, Task, Verification, WorkItem};
use certctl_db::{DbError, Unit};
use certctl_domain::ids::CertificateId;
use certctl_domain::target::{Mapping, MappingState, VerifyStatus};
use certctl_jobs::State;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;

use crate::support::{announced, certificate, damage, id, job, mapping, send_requests, told, work};

/// The deployment that is due.
async fn deployment(world: &TestWorld, agent: &TestAgent) -> WorkItem {
    let mut items = work(&world.app, agent).await;
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}

/// A certificate and its deployment, whatever else is due.
async fn deployment_of(world: &TestWorld, agent: &TestAgent, name: &str) -> (CertificateId, WorkItem) {
    let certificate = certificate(world, name, &agent.target()).await;
    send_requests(world, agent).await;
    let mut due = work(&world.app, agent).await;
    due.retain(|item| item.certificate().is_some_and(|known| known.id == certificate));
    (certificate, due.remove(0))
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
    assert_eq!((known.state, known.verify_status), (MappingState::Deploying, VerifyStatus::Failed));

    complete(world, &agent, &item).await;
    let failed = job(world, &item.job.id).await;
    assert_eq!((failed.state, failed.error_class.as_deref()), (State::Pending, Some("target")), "it is tried again");
    let known = mapping(world, &certificate, &agent.target()).await;
    assert_eq!(known.state, MappingState::Failed);
    let reason = known.last_error.expect("a reason");
    assert!(reason.contains("instead of"), "{reason}");
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

pub(crate) async fn the_last_handshake_counts(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = deployment(world, &agent).await;
    for (fingerprint, verified) in [("0".repeat(64), false), (wanted(&item), true)] {
        let said = seen(&agent, &item, &fingerprint, verified);
        world.app.agent_job_verify(&agent.caller(), &id(&item.job), &said).await.expect("noted");
    }
    complete(world, &agent, &item).await;
    assert_eq!(job(world, &item.job.id).await.state, State::Succeeded);
    let known = mapping(world, &certificate, &agent.target()).await;
    assert_eq!((known.state, known.verify_status), (MappingState::Verified, VerifyStatus::Success));
    assert_eq!((known.served_fingerprint, known.last_error), (Some(wanted(&item)), None));
    assert_eq!(told(world, "deployment_verified").await, 1);
    assert_eq!(announced(world, "deployment.done").await, 1);
}

pub(crate) async fn a_handshake_beside_the_result_overwrites_nothing(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let replica = world.replica("server-b").await;
    for round in 0..12 {
        let (certificate, item) = deployment_of(world, &agent, &format!("c{round}")).await;
        let (caller, job_id) = (agent.caller(), id(&item.job));
        let wrong = seen(&agent, &item, &"0".repeat(64), false);
        let result = Report { served_fingerprint: Some(wanted(&item)), ..Report::default() };
        let wanted_no_more = round % 2 == 1;
        if wanted_no_more {
            let orphan = "UPDATE target_mappings SET state = 'orphaned' WHERE certificate_id =";
            damage(world, &format!("{orphan} '{certificate}'")).await;
        }
        let (done, _) = tokio::join!(
            world.app.agent_job_completed(&caller, &job_id, &result),
            replica.agent_job_verify(&caller, &job_id, &wrong)
        );
        done.expect("the result is taken");
        let run = certctl_store::runs::get(&world.db.db, &job_id).await.expect("read").expect("a run");
        let state = job(world, &item.job.id).await.state;
        let agree = if state == State::Succeeded {
            ("completed", VerifyStatus::Success, MappingState::Verified)
        } else {
            assert_eq!(state, State::Pending, "round {round}");
            ("failed", VerifyStatus::Failed, MappingState::Failed)
        };
        assert_eq!((run.outcome.as_deref(), run.verify_status), (Some(agree.0), agree.1), "round {round}");
        if !wanted_no_more {
            let known = mapping(world, &certificate, &agent.target()).await;
            assert_eq!((known.verify_status, known.state), (agree.1, agree.2), "round {round}");
        }
    }
}

pub(crate) async fn a_result_beside_a_change_is_never_refused_for_it(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let replica = world.replica("server-b").await;
    // How often the change came first, and how often the report.
    let (mut completed, mut failed) = ([0, 0], [0, 0]);
    let mut round = 0;
    while round < 12 || [completed, failed].as_flattened().contains(&0) {
        assert!(round < 100, "one of two always comes first: completed {completed:?}, failed {failed:?}");
        let (certificate, item) = deployment_of(world, &agent, &format!("c{round}")).await;
        let (caller, job_id, epoch) = (agent.caller(), id(&item.job), Some(item.job.lease_epoch));
        let result = Report { served_fingerprint: Some(wanted(&item)), lease_epoch: epoch, ..Report::default() };
        let failure = Report { error: Some("no room".to_owned()), lease_epoch: epoch, ..Report::default() };
        let before = mapping(world, &certificate, &agent.target()).await;
        let change = async {
            // A little later in each pair of rounds, so that it meets every moment of the report.
            for _ in 0..round / 2 {
                certctl_store::mappings::of_certificate(replica.db(), &certificate).await.expect("read");
            }
            let mut unit = Unit::new();
            let after = Mapping { state: MappingState::Failed, ..before.clone() };
            certctl_store::mappings::advance(&mut unit, &before, &after);
            match replica.db().commit(unit).await {
                Ok(()) => 0,
                Err(DbError::Moved { .. }) => 1,
                Err(error) => panic!("round {round}: {error}"),
            }
        };
        if round % 2 == 0 {
            let (told, first) = tokio::join!(world.app.agent_job_completed(&caller, &job_id, &result), change);
            told.expect("the result is taken");
            completed[first] += 1;
            assert_eq!(job(world, &item.job.id).await.state, State::Succeeded, "round {round}");
        } else {
            let (told, first) = tokio::join!(world.app.agent_job_failed(&caller, &job_id, &failure), change);
            told.expect("the failure is taken");
            failed[first] += 1;
            assert_eq!(job(world, &item.job.id).await.state, State::Pending, "round {round}");
        }
        round += 1;
    }
}

pub(crate) async fn what_nobody_saw_is_installed_and_not_verified(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = deployment(world, &agent).await;
    complete(world, &agent, &item).await;
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::NotVerified);
    assert_eq!((told(world, "deployment_installed").await, told(world, "deployment_verified").await), (1, 0));
    assert_eq!(announced(world, "deployment.done").await, 0);
}

pub(crate) async fn a_target_that_changed_meanwhile_is_installed_anew(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    let item = deployment(world, &agent).await;
    let mut unit = Unit::new();
    certctl_store::mappings::reinstall_at(&mut unit, &agent.target(), world.app.now());
    world.db.db.commit(unit).await.expect("the target changed");
    let result = Report { served_fingerprint: Some(wanted(&item)), ..Report::default() };
    world.app.agent_job_completed(&agent.caller(), &id(&item.job), &result).await.expect("the result is taken");
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::Pending);
    assert_eq!((told(world, "deployment_installed").await, told(world, "deployment_verified").await), (1, 0));
    assert_eq!(announced(world, "deployment.done").await, 0);
    world.settle().await;
    let again = deployment(world, &agent).await;
    complete(world, &agent, &again).await;
    assert_eq!(mapping(world, &certificate, &agent.target()).await.state, MappingState::NotVerified);
}
