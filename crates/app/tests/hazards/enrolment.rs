//! Repeated registrations.

use certctl_app::agents::{Admission, Registration};
use certctl_app::tokens::TokenInput;
use certctl_app::{App, Error};
use certctl_domain::agent::{Credential, CredentialKind};
use certctl_domain::audit::Origin;
use certctl_domain::ids::AgentId;
use certctl_pki::Certificate;
use certctl_testkit::world::TestWorld;
use secrecy::ExposeSecret;

use crate::support::csr;

async fn token(world: &TestWorld, agent: Option<&AgentId>) -> String {
    let input = TokenInput { agent_id: agent.map(ToString::to_string), ..TokenInput::default() };
    let made = world.app.enrollment_token_create(&world.admin(), input).await.expect("a token");
    made.secret.expose_secret().to_owned()
}

async fn register(world: &TestWorld, token: &str, csr_pem: &str) -> Result<Admission, Error> {
    register_at(&world.app, token, csr_pem).await
}

async fn register_at(app: &App, token: &str, csr_pem: &str) -> Result<Admission, Error> {
    let ask = Registration {
        name: "web-1".to_owned(),
        hostname: "web-1".to_owned(),
        csr_pem: csr_pem.to_owned(),
        ..Registration::default()
    };
    app.agent_register(Origin::default(), token, &ask).await
}

#[track_caller]
fn refused(outcome: Result<Admission, Error>) {
    match outcome {
        Err(Error::Unauthenticated { code: "invalid_or_missing_bootstrap_token", .. }) => {}
        other => panic!("{other:?}"),
    }
}

async fn live(world: &TestWorld, agent: &AgentId) -> Vec<Credential> {
    let all = certctl_store::agents::credentials(&world.db.db, agent).await.expect("read");
    all.into_iter().filter(|credential| credential.revoked_at.is_none()).collect()
}

/// Fingerprints of the certificates by which the agent is known now.
async fn certificates(world: &TestWorld, agent: &AgentId) -> Vec<String> {
    let prints = live(world, agent).await.into_iter().filter_map(|credential| match credential.kind {
        CredentialKind::Certificate { fingerprint_sha256, .. } => Some(fingerprint_sha256),
        CredentialKind::ApiKey { .. } => None,
    });
    prints.collect()
}

fn fingerprint(admission: &Admission) -> String {
    Certificate::parse_pem(&admission.identity.certificate_pem).expect("a certificate").fingerprint_sha256()
}

pub(crate) async fn an_old_answer_revives_no_identity(world: &TestWorld) {
    let (first_token, first_csr) = (token(world, None).await, csr("web-1"));
    let first = register(world, &first_token, &first_csr).await.expect("admitted");
    let again = register(world, &first_token, &first_csr).await.expect("the answer may have been lost");
    assert_eq!((&again.agent.id, fingerprint(&again)), (&first.agent.id, fingerprint(&first)));
    assert_ne!(again.api_key.expose_secret(), first.api_key.expose_secret());

    let (next_token, next_csr) = (token(world, Some(&first.agent.id)).await, csr("web-1"));
    let next = register(world, &next_token, &next_csr).await.expect("enrolled again");
    let before = live(world, &first.agent.id).await;
    refused(register(world, &first_token, &first_csr).await);
    assert_eq!(live(world, &first.agent.id).await, before, "the refused one changed nothing");
    assert_eq!(certificates(world, &first.agent.id).await, [fingerprint(&next)]);

    let again = register(world, &next_token, &next_csr).await.expect("the newest answer may be lost as well");
    assert_eq!(fingerprint(&again), fingerprint(&next));
    assert_eq!(certificates(world, &first.agent.id).await, [fingerprint(&next)]);
}

pub(crate) async fn an_enrolment_beside_a_repeated_one_lives(world: &TestWorld) {
    let replica = world.replica("server-b").await;
    let mut old = (token(world, None).await, csr("web-1"));
    let agent = register(world, &old.0, &old.1).await.expect("admitted").agent.id;
    for round in 0..12 {
        let new = (token(world, Some(&agent)).await, csr("web-1"));
        // Repeated until it is refused: one of them is under way when the enrolment is committed.
        let repeated = async { while register_at(&replica, &old.0, &old.1).await.is_ok() {} };
        let ((), next) = tokio::join!(repeated, register(world, &new.0, &new.1));
        let next = next.expect("the new token is good");
        assert_eq!(certificates(world, &agent).await, [fingerprint(&next)], "round {round}");
        assert_eq!(live(world, &agent).await.len(), 2, "round {round}: one certificate, one key");
        old = new;
    }
}

pub(crate) async fn one_request_sent_twice_at_once_is_one_agent(world: &TestWorld) {
    let (token, csr) = (token(world, None).await, csr("web-1"));
    let sent = futures::future::join_all((0..4).map(|_| register(world, &token, &csr))).await;
    let admitted: Vec<Admission> = sent.into_iter().map(|answer| answer.expect("admitted")).collect();
    let agent = &admitted[0].agent.id;
    for admission in &admitted {
        assert_eq!((&admission.agent.id, fingerprint(admission)), (agent, fingerprint(&admitted[0])));
    }
    assert_eq!(live(world, agent).await.len(), 2, "one certificate, one key");
}
