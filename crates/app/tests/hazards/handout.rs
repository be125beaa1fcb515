//! Work that cannot be handed out, among work that can.

use std::sync::Arc;
use std::time::Duration;

use certctl_app::configuration::Catalogue;
use certctl_app::{
    App, CaMaterial, Clock, EngineFactory, Error, Randomness, Result, Seal, Settings, SystemIds, SystemRandomness,
    World,
};
use certctl_connector::{ConnectorError, Engine, ErrorClass};
use certctl_db::{Backend, DbError, Unit};
use certctl_domain::issuer::Issuer;
use certctl_domain::target::{MappingState, Target};
use certctl_jobs::State;
use certctl_pki::Timestamp;
use certctl_testkit::agent::TestAgent;
use certctl_testkit::world::TestWorld;
use zeroize::Zeroizing;

use crate::support::{certificate, damage, job, mapping, open_job, send_requests, work};

pub(crate) async fn a_request_that_cannot_be_built_harms_no_other(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let good = certificate(world, "good", &agent.target()).await;
    let bare = certificate(world, "bare", &agent.target()).await;
    let worse = certificate(world, "worse", &agent.target()).await;
    let (bare_job, worse_job) = (open_job(world, &bare).await, open_job(world, &worse).await);
    damage(world, &format!("UPDATE certificates SET certificate_profile_id = NULL WHERE id IN ('{bare}', '{worse}')"))
        .await;
    damage(world, &format!("UPDATE jobs SET payload = '{{' WHERE id = '{}'", worse_job.id)).await;
    let items = work(&world.app, &agent).await;
    let given: Vec<_> = items.iter().map(|item| &item.certificate().expect("a certificate").id).collect();
    assert_eq!(given, [&good]);
    for (certificate, id) in [(&bare, &bare_job.id), (&worse, &worse_job.id)] {
        let ended = job(world, id).await;
        let reason = ended.last_error.expect("a reason");
        assert_eq!(ended.state, State::Failed, "{reason}");
        assert!(reason.contains("profile"), "{reason}");
        let stored = certctl_store::certificates::get(&world.db.db, certificate).await.expect("read").expect("there");
        assert_eq!(stored.last_renewal_error, Some(reason));
    }
}

pub(crate) async fn a_deployment_that_cannot_be_built_is_a_failed_attempt(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let good = certificate(world, "good", &agent.target()).await;
    let bad = certificate(world, "bad", &agent.target()).await;
    send_requests(world, &agent).await;
    let broken = open_job(world, &bad).await;
    damage(world, &format!("UPDATE jobs SET payload = '{{' WHERE id = '{}'", broken.id)).await;
    let items = work(&world.app, &agent).await;
    let given: Vec<_> = items.iter().map(|item| &item.certificate().expect("a certificate").id).collect();
    assert_eq!(given, [&good]);
    let mut ended = job(world, &broken.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Pending, 1), "it is tried again");
    let failed = mapping(world, &bad, &agent.target()).await;
    assert_eq!((failed.state, failed.failures), (MappingState::Failed, 0));
    assert!(failed.last_error.is_some_and(|reason| reason.contains(&broken.id)));

    while !ended.state.is_terminal() {
        world.clock.set(Timestamp::from_unix_micros(ended.not_before));
        work(&world.app, &agent).await;
        ended = job(world, &broken.id).await;
    }
    assert_eq!((ended.state, ended.attempt), (State::Failed, ended.max_attempts));
    let failed = mapping(world, &bad, &agent.target()).await;
    assert_eq!((failed.state, failed.failures), (MappingState::Failed, 1));

    world.clock.set(failed.next_attempt_at.expect("another job follows"));
    world.settle().await;
    let items = work(&world.app, &agent).await;
    assert!(
        items.iter().any(|item| item.certificate().is_some_and(|certificate| certificate.id == bad)),
        "the job made anew can be read"
    );
}

/// A seal, and a factory, that the database does not answer.
struct Silent;

impl Seal for Silent {
    fn seal(&self, _: &str, _: &str, _: &str, _: &[u8]) -> Result<Vec<u8>> {
        Err(Error::Unavailable(DbError::Busy))
    }

    fn open(&self, _: &str, _: &str, _: &str, _: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        Err(Error::Unavailable(DbError::Busy))
    }
}

impl EngineFactory for Silent {
    fn build(&self, _: &Issuer, _: &str, _: Option<CaMaterial>) -> std::result::Result<Engine, ConnectorError> {
        Err(ConnectorError::new(ErrorClass::Internal, "test", "build", "nothing is issued here"))
    }
}

pub(crate) async fn work_that_is_not_handed_out_is_given_back(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let sealed = sealed_target(world, &agent).await;
    let plain = certificate(world, "plain", &agent.target()).await;
    let secret = certificate(world, "secret", &sealed.id).await;
    send_requests(world, &agent).await;
    let waiting = certificate(world, "waiting", &agent.target()).await;
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let randomness = Arc::new(SystemRandomness) as Arc<dyn Randomness>;
    let silent = App::new(
        World {
            db: world.db.db.clone(),
            ids: Arc::new(SystemIds::new(Arc::clone(&clock), Arc::clone(&randomness))),
            clock,
            randomness,
            seal: Arc::new(Silent),
            engines: Arc::new(Silent),
            catalogue: Catalogue { issuers: Vec::new(), targets: Vec::new() },
        },
        Settings::default(),
    );
    let answer = silent.agent_work(&agent.caller(), Duration::ZERO, false).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    for (certificate, state) in [(&plain, State::Pending), (&secret, State::Pending), (&waiting, State::AwaitingCsr)] {
        let back = open_job(world, certificate).await;
        assert_eq!((back.state, back.attempt, back.lease_until), (state, 0, None), "{}", back.kind);
    }
    let items = work(&world.app, &agent).await;
    assert_eq!(items.len(), 3, "all of it is handed out when the database answers: {items:?}");
}

/// While it lasts, nobody's change of a mapping finds it as it was read.
async fn mappings_move(world: &TestWorld, last: bool) {
    let sql = match (world.db.db.backend(), last) {
        (Backend::Sqlite, true) => {
            "CREATE TRIGGER moves BEFORE UPDATE ON target_mappings BEGIN SELECT RAISE(IGNORE); END"
        }
        (Backend::Postgres, true) => {
            "CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER moves BEFORE UPDATE ON target_mappings FOR EACH ROW EXECUTE FUNCTION moves()"
        }
        (Backend::Sqlite, false) => "DROP TRIGGER moves",
        (Backend::Postgres, false) => "DROP TRIGGER moves ON target_mappings",
    };
    damage(world, sql).await;
}

pub(crate) async fn work_whose_mapping_moves_meanwhile_is_given_back(world: &TestWorld) {
    let agent = TestAgent::add(world, "agt-a").await;
    let certificate = certificate(world, "a", &agent.target()).await;
    send_requests(world, &agent).await;
    mappings_move(world, true).await;
    let items = work(&world.app, &agent).await;
    assert!(items.is_empty(), "{items:?}");
    let back = open_job(world, &certificate).await;
    assert_eq!((back.state, back.attempt, back.lease_until), (State::Pending, 0, None));
    mappings_move(world, false).await;
    let items = work(&world.app, &agent).await;
    let given: Vec<&str> = items.iter().map(|item| item.job.id.as_str()).collect();
    assert_eq!(given, [back.id.as_str()], "at once, not when the lease would have run out");
}

async fn sealed_target(world: &TestWorld, agent: &TestAgent) -> Target {
    let plain = certctl_store::targets::get(&world.db.db, &agent.target()).await.expect("read").expect("a target");
    let id = certctl_domain::ids::TargetId::fixed("sealed-target");
    let sealed = format!("targets|sealed_config|{id}|{}", plain.config).into_bytes();
    let target = Target { id, name: "sealed".to_owned(), sealed_config: Some(sealed), ..plain };
    let mut unit = Unit::new();
    certctl_store::targets::insert(&mut unit, &target);
    world.db.db.commit(unit).await.expect("a target");
    target
}
