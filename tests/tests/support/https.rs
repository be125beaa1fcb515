//! Plain HTTPS to a server under test: whatever bytes a test wants to send, and the answer as it came.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

/// Who calls.
#[derive(Clone, Copy)]
pub(crate) enum As<'a> {
    /// Nobody.
    Stranger,
    /// The holder of a key.
    Key(&'a str),
}

/// Connections to one server.
#[derive(Clone)]
pub(crate) struct Https {
    client: reqwest::Client,
    base: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    text: String,
}

impl Https {
    /// Trusts `ca_pem` alone; presents the certificate and key of `identity`, where there is one.
    pub(crate) fn new(port: u16, ca_pem: &str, identity: Option<(&str, &str)>) -> Self {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(ca_pem, identity))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self { client, base: format!("https://127.0.0.1:{port}") }
    }

    /// Sends a request; an error is a connection that broke before the answer.
    pub(crate) async fn try_send(
        &self,
        who: As<'_>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> reqwest::Result<Answer> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let As::Key(key) = who {
            request = request.bearer_auth(key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let etag = response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer { status, etag, text: response.text().await? })
    }

    /// Sends a request that is answered.
    pub(crate) async fn send(&self, who: As<'_>, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| body.to_string().into_bytes());
        let answer = self.try_send(who, method, path, &[], body).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }
}

impl Answer {
    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Whether it was done, or taken on.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The sentence for people of a refusal.
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The word for programs of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The fields that a refusal names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let details = self.json()["details"].as_array().cloned().unwrap_or_default();
        details.iter().map(|detail| detail["field"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// This answer, if it is what a success looks like.
    #[track_caller]
    pub(crate) fn ok(self, what: &str) -> Value {
        assert!(self.is_success(), "{what}: {} {}", self.status, self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// TLS that trusts `ca_pem` alone.
pub(crate) fn tls(ca_pem: &str, identity: Option<(&str, &str)>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("a certificate")).expect("a root");
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(
                CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().expect("certificates"),
                PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key"),
            )
            .expect("a pair"),
    }
}
