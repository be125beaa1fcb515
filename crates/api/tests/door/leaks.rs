//! Secrets stay out of logs, audit events and headers, whatever happens with them.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use certctl_app::auth::EnvKey;
use certctl_db::Backend;
use certctl_domain::issuer::agents_issuer;
use certctl_domain::permission::Role;
use certctl_pki::{Csr, KeyKind, PrivateKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::on_both;
use crate::support::{Door, TOKEN};

on_both!(no_secret_is_written_down);

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn no_secret_is_written_down(backend: Backend) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let Some(door) = Door::open(backend).await else { return };
    let mut secrets = vec![TOKEN.to_owned()];
    let mut headers = String::new();

    let bootstrap = |token: &str| json!({"token": token, "actor_name": "alice"});
    door.post("/api/v1/auth/bootstrap", &bootstrap("a-guessed-token"))
        .send()
        .await
        .refused(401, "invalid_bootstrap_token");
    secrets.push("a-guessed-token".to_owned());
    let made = door.post("/api/v1/auth/bootstrap", &bootstrap(TOKEN)).send().await;
    headers.push_str(&format!("{:?}", made.headers));
    let admin = SecretString::from(made.expect(201)["key_value"].as_str().expect("a key"));
    secrets.push(admin.expose_secret().to_owned());

    let ask = json!({"name": "ci", "role_ids": ["r-viewer"]});
    let made = door.post("/api/v1/auth/keys", &ask).key(&admin).send().await;
    headers.push_str(&format!("{:?}", made.headers));
    let made = made.expect(201);
    secrets.push(made["key_value"].as_str().expect("a key").to_owned());
    let rotate = format!("/api/v1/auth/keys/{}/rotate", made["id"].as_str().expect("an id"));
    let rotated = door.post(&rotate, &json!({})).key(&admin).send().await.expect(200);
    secrets.push(rotated["key_value"].as_str().expect("a key").to_owned());
    for wrong in ["cck_wrong-but-secret", "another-wrong-but-secret"] {
        door.get("/api/v1/teams").header("authorization", &format!("Bearer {wrong}")).send().await.expect(401);
        secrets.push(wrong.to_owned());
    }
    let env = EnvKey { name: "env".to_owned(), key: "a-key-of-the-environment-0123456789".into(), admin: false };
    secrets.push(env.key.expose_secret().to_owned());
    door.auth.start(&[env], None).await.expect("started");

    door.world.app.ca_ensure(&agents_issuer(), "Agents").await.expect("the agent CA");
    let operator = door.key("ops", Role::Operator).await;
    secrets.push(operator.expose_secret().to_owned());
    let token = door.post("/api/v1/agents/enrollment-tokens", &json!({})).key(&operator).send().await.expect(201);
    let token = token["token"].as_str().expect("a token").to_owned();
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
    let csr = Csr::build(&key, Some("web"), &[]).expect("a request").to_pem();
    let ask = json!({"name": "web", "hostname": "web", "csr_pem": csr});
    let answer = door.post("/api/v1/agents/register", &ask).header("x-certctl-agent-bootstrap", &token).send().await;
    headers.push_str(&format!("{:?}", answer.headers));
    secrets.extend([token, answer.expect(201)["api_key"].as_str().expect("a key").to_owned()]);

    let audit = door.get("/api/v1/audit?per_page=500").key(&admin).send().await;
    assert!(audit.text.contains("bootstrap.consume") && audit.text.contains("auth.key_rotated"), "{}", audit.text);
    let log = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text");
    assert!(log.contains("POST /api/v1/auth/keys 201"), "the log was captured");
    for secret in &secrets {
        for (place, text) in [("the log", &log), ("the audit log", &audit.text), ("a header", &headers)] {
            let at = text.find(secret.as_str());
            assert!(at.is_none(), "{place} holds a secret: {}", &text[at.unwrap_or(0).saturating_sub(80)..][..80]);
        }
    }
}
