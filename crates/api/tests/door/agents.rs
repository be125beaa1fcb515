//! Agents by key and by certificate.

use std::time::Duration;

use certctl_app::auth::KeyDigest;
use certctl_db::{Backend, Unit};
use certctl_domain::agent::{Credential, CredentialKind};
use certctl_domain::ids::{AgentId, CredentialId};
use certctl_domain::issuer::agents_issuer;
use certctl_domain::permission::Role;
use certctl_pki::{Certificate, Csr, KeyKind, PrivateKey};
use certctl_testkit::agent::TestAgent;
use certctl_testkit::https::{Authority, Purpose};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::Door;

on_both!(
    an_agent_opens_its_own_routes_and_no_other,
    a_certificate_is_verified_for_each_request,
    an_expired_identity_is_renewed_with_the_key,
    a_retired_agent_is_gone_at_once,
);

async fn with_key(door: &Door, id: &'static str) -> (AgentId, SecretString) {
    let agent = TestAgent::add(&door.world, id).await;
    let key = SecretString::from(format!("cca_{id}_0123456789abcdef0123456789abcdef"));
    let mut unit = Unit::new();
    let credential = Credential {
        id: CredentialId::parse(&format!("cred-{id}")).expect("an id"),
        agent_id: agent.id.clone(),
        kind: CredentialKind::ApiKey { key_hash: KeyDigest::of(key.expose_secret()).to_hex() },
        created_at: door.world.app.now(),
        expires_at: None,
        revoked_at: None,
    };
    certctl_store::agents::insert_credential(&mut unit, &credential);
    door.commit(unit).await;
    (agent.id, key)
}

async fn an_agent_opens_its_own_routes_and_no_other(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let (_, key) = with_key(&door, "one").await;
    with_key(&door, "two").await;
    door.get("/api/v1/agents/one/work").key(&key).send().await.expect(200);
    door.get("/api/v1/agents/two/work").key(&key).send().await.refused(404, "not_found");
    door.get("/api/v1/agents/nobody/work").key(&key).send().await.refused(404, "not_found");
    assert_eq!(door.events("agent.identity_mismatch").await, 2);
    for path in ["/api/v1/teams", "/api/v1/auth/me", "/api/v1/agents", "/api/v1/agents/one", "/api/v1/certificates"] {
        door.get(path).key(&key).send().await.refused(403, "agent_credential");
    }
    door.get("/health").key(&key).send().await.expect(200);
    let admin = door.key("root", Role::Admin).await;
    door.get("/api/v1/agents/one/work").key(&admin).send().await.refused(403, "agent_only");
}

/// Enrols over the door; returns the chain and the answer.
async fn enrol(door: &Door, name: &str) -> (Vec<Vec<u8>>, Value, String) {
    door.world.app.ca_ensure(&agents_issuer(), "Agents").await.expect("the agent CA");
    let admin = door.key(&format!("for-{name}"), Role::Operator).await;
    let token = door.post("/api/v1/agents/enrollment-tokens", &json!({})).key(&admin).send().await.expect(201);
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    let csr = Csr::build(&key, Some(name), &[]).expect("a request").to_pem();
    let ask = json!({"name": name, "hostname": name, "os": "linux", "architecture": "x86_64", "version": "1", "csr_pem": csr});
    let answer = door
        .post("/api/v1/agents/register", &ask)
        .header("x-certctl-agent-bootstrap", token["token"].as_str().expect("a token"))
        .send()
        .await
        .expect(201);
    let leaf = Certificate::parse_pem(answer["certificate_pem"].as_str().expect("PEM")).expect("a certificate");
    (vec![leaf.der().to_vec()], answer, csr)
}

async fn a_certificate_is_verified_for_each_request(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let (chain, answer, _) = enrol(&door, "web-1").await;
    let work = format!("/api/v1/agents/{}/work", answer["agent"]["id"].as_str().expect("an id"));
    door.get(&work).certificate(chain.clone()).send().await.expect(200);
    door.get(&work).certificate(chain.clone()).send().await.expect(200);

    let foreign = Authority::new().issue(Purpose::Client, &["web-1"], false);
    let foreign = Certificate::parse_pem(&foreign.certificate_pem).expect("a certificate").der().to_vec();
    let mut altered = chain[0].clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let admin = door.key("root", Role::Admin).await;
    for wrong in [foreign, altered, b"no certificate".to_vec()] {
        door.get(&work).certificate(vec![wrong.clone()]).send().await.refused(401, "client_certificate");
        // Never made good by a key.
        door.get("/api/v1/teams").certificate(vec![wrong]).key(&admin).send().await.refused(401, "client_certificate");
    }
    door.get("/api/v1/teams").certificate(chain.clone()).key(&admin).send().await.refused(401, "credential_conflict");

    let mut unit = Unit::new();
    let id = AgentId::parse(answer["agent"]["id"].as_str().expect("an id")).expect("an id");
    certctl_store::agents::revoke_credentials(&mut unit, &id, door.world.app.now());
    door.commit(unit).await;
    door.auth.forget();
    door.get(&work).certificate(chain).send().await.refused(401, "credential_revoked");
}

async fn an_expired_identity_is_renewed_with_the_key(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let (chain, answer, csr) = enrol(&door, "web-2").await;
    let id = answer["agent"]["id"].as_str().expect("an id").to_owned();
    let key = SecretString::from(answer["api_key"].as_str().expect("a key"));
    let (_, other) = with_key(&door, "other").await;
    door.world.clock.advance(Duration::from_secs(31 * 86_400));
    door.auth.forget();
    let work = format!("/api/v1/agents/{id}/work");
    door.get(&work).certificate(chain.clone()).send().await.refused(401, "client_certificate_expired");
    door.get(&work).certificate(chain.clone()).key(&key).send().await.refused(401, "client_certificate_expired");
    let renew = format!("/api/v1/agents/{id}/identity");
    let ask = json!({"csr_pem": csr});
    door.post(&renew, &ask).certificate(chain.clone()).send().await.refused(401, "client_certificate_expired");
    door.post(&renew, &ask)
        .certificate(chain.clone())
        .key(&other)
        .send()
        .await
        .refused(401, "client_certificate_expired");
    let renewed = door.post(&renew, &ask).certificate(chain).key(&key).send().await;
    assert!(renewed.status < 300, "{}", renewed.text);
    let fresh =
        Certificate::parse_pem(renewed.json()["certificate_pem"].as_str().expect("PEM")).expect("a certificate");
    door.get(&work).certificate(vec![fresh.der().to_vec()]).send().await.expect(200);
}

async fn a_retired_agent_is_gone_at_once(backend: Backend) {
    let Some(door) = Door::open(backend).await else { return };
    let (chain, answer, _) = enrol(&door, "web-3").await;
    let id = answer["agent"]["id"].as_str().expect("an id").to_owned();
    let key = SecretString::from(answer["api_key"].as_str().expect("a key"));
    let work = format!("/api/v1/agents/{id}/work");
    door.get(&work).certificate(chain.clone()).send().await.expect(200);
    door.get(&work).key(&key).send().await.expect(200);
    let admin = door.key("root", Role::Admin).await;
    door.delete(&format!("/api/v1/agents/{id}")).key(&admin).send().await.expect(200);
    door.get(&work).certificate(chain).send().await.refused(410, "agent_retired");
    door.get(&work).key(&key).send().await.refused(410, "agent_retired");
}
