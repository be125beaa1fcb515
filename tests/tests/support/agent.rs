//! Agents of a server under test, known by their credentials alone.

use certctl_pki::{Csr, KeyKind, PrivateKey};
use serde_json::{Value, json};

use super::https::{Answer, As, Https};
use super::server::TestServer;

/// An agent that has enrolled.
pub(crate) struct TestAgent {
    pub(crate) id: String,
    pub(crate) api_key: String,
    /// Calls that present its certificate.
    pub(crate) https: Https,
}

impl TestAgent {
    /// Enrols under `name` with a token made for it.
    pub(crate) async fn enrol(server: &TestServer, name: &str) -> Self {
        let token = token(server, &json!({})).await;
        let key = key();
        let answer = register(server, &token, name, &key).await.ok("enrolment");
        Self::admitted(server, &answer, &key)
    }

    /// What an answer to an enrolment makes of it.
    pub(crate) fn admitted(server: &TestServer, answer: &Value, key: &PrivateKey) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{name} in {answer}")).to_owned();
        let chain = format!("{}{}", text("certificate_pem"), text("chain_pem"));
        Self {
            id: answer["agent"]["id"].as_str().expect("an id").to_owned(),
            api_key: text("api_key"),
            https: server.with_identity(&chain, &key.to_pkcs8_pem()),
        }
    }

    /// A call by its certificate.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.https.send(As::Stranger, method, path, body).await
    }
}

/// A new key for an identity.
pub(crate) fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).expect("a key")
}

/// A new enrolment token.
pub(crate) async fn token(server: &TestServer, ask: &Value) -> String {
    let made = server.made("agents/enrollment-tokens", ask).await;
    made["token"].as_str().expect("a token").to_owned()
}

/// A request for an identity.
pub(crate) fn csr(name: &str, key: &PrivateKey) -> String {
    Csr::build(key, Some(name), &[]).expect("a request").to_pem()
}

/// Asks to be admitted.
pub(crate) async fn register(server: &TestServer, token: &str, name: &str, key: &PrivateKey) -> Answer {
    try_register(server, token, name, &csr(name, key)).await.expect("an answer")
}

/// The same with a request that may be sent again; an error is a connection that broke before the answer.
pub(crate) async fn try_register(
    server: &TestServer,
    token: &str,
    name: &str,
    csr_pem: &str,
) -> reqwest::Result<Answer> {
    let body = json!({ "name": name, "hostname": "host.example", "csr_pem": csr_pem }).to_string();
    let headers = [("x-certctl-agent-bootstrap", token)];
    server.https.try_send(As::Stranger, "POST", "/api/v1/agents/register", &headers, Some(body.into())).await
}
