//! What an agent hears of the request that it sent.

use std::sync::Arc;

use certctl_app::Error;
use certctl_app::agents::{CsrAnswer, WorkItem};
use certctl_connector::ErrorClass;
use certctl_domain::ids::CertificateId;
use certctl_jobs::State;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::issuer::SlowIssuer;
use certctl_testkit::world::TestWorld;

use crate::support::{certificate_of, csr, damage, id, job, work};

async fn asked(world: &TestWorld, agent: &TestAgent, name: &str) -> (CertificateId, WorkItem) {
    let certificate = certificate_of(world, name, &agent.target(), "iss-slow").await;
    let mut items = work(&world.app, agent).await;
    items.retain(|item| item.certificate().is_some_and(|known| known.id == certificate));
    (certificate, items.remove(0))
}

async fn send(world: &TestWorld, agent: &TestAgent, item: &WorkItem, pem: &str) -> Result<CsrAnswer, Error> {
    let epoch = Some(item.job.lease_epoch);
    world.app.agent_csr_submit(&agent.caller(), Some(&id(&item.job)), None, epoch, pem).await
}

#[track_caller]
fn conflict(answer: Result<CsrAnswer, Error>, expected: &str) -> String {
    match answer {
        Err(Error::Conflict { code, message, .. }) if code == expected => message,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn an_agent_hears_what_becomes_of_its_request(world: &TestWorld) {
    let issuer = Arc::new(SlowIssuer::new(0, world.app.now()));
    world.outside_issuer("iss-slow", issuer.clone()).await;
    let agent = TestAgent::add(world, "agt-a").await;

    // Tried again, and called off before that.
    for (name, class) in [("busy", ErrorClass::Upstream5xx), ("broken", ErrorClass::Internal)] {
        issuer.fail(Some(class));
        let (_, item) = asked(world, &agent, name).await;
        let pem = csr(&format!("{name}.example"));
        for _ in 0..2 {
            let answer = send(world, &agent, &item, &pem).await;
            assert!(matches!(answer, Ok(CsrAnswer::Accepted)), "{name}: {answer:?}");
        }
        assert_eq!(job(world, &item.job.id).await.state, State::Pending, "{name}");
        world.app.job_cancel(&world.admin(), &id(&item.job)).await.expect("called off");
        conflict(send(world, &agent, &item, &pem).await, "job_cancelled");
    }

    // Ended: by the last attempt there is, or by an issuer that will not.
    for (name, class, attempts) in [("last", ErrorClass::Upstream5xx, 1), ("refused", ErrorClass::Rejected, 5)] {
        issuer.fail(Some(class));
        let (_, item) = asked(world, &agent, name).await;
        damage(world, &format!("UPDATE jobs SET max_attempts = {attempts}, attempt = 0 WHERE id = '{}'", item.job.id))
            .await;
        let pem = csr(&format!("{name}.example"));
        let answer = send(world, &agent, &item, &pem).await;
        match &answer {
            Err(Error::Refused(refusals)) => assert!(refusals.summary().contains("told to fail"), "{answer:?}"),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(job(world, &item.job.id).await.state, State::Failed, "{name}");
        let reason = conflict(send(world, &agent, &item, &pem).await, "job_ended");
        assert!(reason.contains("told to fail"), "{reason}");
    }
}
