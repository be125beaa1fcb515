//! The client against a real TLS peer on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use certctl_testkit::https::{Authority, HttpsServer, Pair, PeerCertificate, Purpose};
use certctl_wire::{CertificateCreate, Renew};
use serde_json::{Value, json};

use super::*;

struct Peer {
    authority: Authority,
    server: HttpsServer,
    pair: Pair,
}

async fn peer(router: Router) -> Peer {
    peer_named(&["localhost"], false, router).await
}

async fn peer_named(names: &[&str], expired: bool, router: Router) -> Peer {
    let authority = Authority::new();
    let pair = authority.issue(Purpose::Server, names, expired);
    let server = HttpsServer::start(&authority, &pair, router).await;
    Peer { authority, server, pair }
}

impl Peer {
    fn options(&self) -> Options {
        let mut options = Options::new(self.server.url());
        options.roots = Roots::Bundle(self.authority.pem().into_bytes());
        options.retry.base = Duration::from_millis(1);
        options
    }

    fn client(&self) -> Client {
        Client::new(self.options()).expect("a client")
    }
}

fn healthy() -> Router {
    Router::new().route("/health", get(async || Json(json!({ "status": "healthy" }))))
}

fn tls_error(error: &Error) -> String {
    match error {
        Error::Unreachable { cause: Unreachable::Tls(tls), .. } => tls.to_string(),
        Error::Unreachable { .. }
        | Error::Option { .. }
        | Error::Refused { .. }
        | Error::Unreadable { .. }
        | Error::TooLarge { .. } => panic!("not a TLS error: {error:?}"),
    }
}

/// A route that fails `failures` times with this status and then answers.
fn failing(
    failures: u32,
    status: StatusCode,
    calls: &Arc<AtomicU32>,
) -> impl Fn() -> std::future::Ready<Response> + Clone + use<> {
    let calls = Arc::clone(calls);
    move || {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        let problem =
            json!({ "error": "Service Unavailable", "message": "starting", "code": "unavailable", "request_id": "r" });
        std::future::ready(if call < failures {
            (status, Json(problem)).into_response()
        } else {
            Json(json!({ "status": "renewal_triggered", "job_id": "job_1" })).into_response()
        })
    }
}

#[tokio::test]
async fn a_server_of_the_bundle_is_spoken_to_over_tls_13_with_a_hybrid_key_exchange() {
    let peer = peer(healthy()).await;
    let client = peer.client();
    assert_eq!(client.health().await.expect("an answer").status, "healthy");
    let handshake = client.handshake(peer.server.address).await.expect("a handshake");
    assert_eq!((handshake.version.as_str(), handshake.key_exchange.as_str()), ("TLSv1_3", "X25519MLKEM768"));
    assert!(!handshake.names_publication);
}

#[tokio::test]
async fn a_server_that_is_not_recognised_is_not_spoken_to() {
    let peer = peer(healthy()).await;
    let mut foreign = peer.options();
    foreign.roots = Roots::Bundle(Authority::new().pem().into_bytes());
    let error = Client::new(foreign).expect("a client").health().await.expect_err("foreign");
    assert!(tls_error(&error).contains("UnknownIssuer"), "{error}");
    assert_eq!(error.class(), Class::Unavailable);

    let expired = peer_named(&["localhost"], true, healthy()).await;
    let error = expired.client().health().await.expect_err("expired");
    assert!(tls_error(&error).contains("expired"), "{error}");

    let elsewhere = peer_named(&["elsewhere.example"], false, healthy()).await;
    let error = elsewhere.client().health().await.expect_err("other name");
    assert!(tls_error(&error).contains("not valid for name"), "{error}");
    let mut options = elsewhere.options();
    options.server_name = Some("elsewhere.example".to_owned());
    Client::new(options).expect("a client").health().await.expect("found under its own name");
}

#[tokio::test]
async fn a_pin_stands_for_chain_and_name_and_nothing_else_matches() {
    let peer = peer_named(&["elsewhere.example"], false, healthy()).await;
    let mut options = Options::new(peer.server.url());
    options.insecure = true;
    let seen = Client::new(options.clone()).expect("a client").handshake(peer.server.address).await.expect("anyone");
    options.insecure = false;
    options.pin = Some(Pin::parse(&format!("sha256:{}", seen.fingerprint_sha256)).expect("a pin"));
    Client::new(options.clone()).expect("a client").health().await.expect("pinned");
    let key = certctl_testkit::https::spki_sha256_hex(&peer.pair);
    options.pin = Some(Pin::parse(&format!("sha256:{key}")).expect("a pin"));
    Client::new(options.clone()).expect("a client").health().await.expect("pinned by key");
    options.pin = Some(Pin::parse(&format!("sha256:{}", "0".repeat(64))).expect("a pin"));
    let error = Client::new(options).expect("a client").health().await.expect_err("another");
    assert!(tls_error(&error).contains(&seen.fingerprint_sha256), "names what it saw: {error}");
}

#[tokio::test]
async fn credentials_are_presented_and_replaced() {
    async fn who(Extension(peer): Extension<PeerCertificate>, headers: HeaderMap) -> Json<Value> {
        let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("nobody");
        Json(json!({ "status": format!("{bearer} {}", if peer.0.is_some() { "mtls" } else { "plain" }) }))
    }
    let peer = peer(Router::new().route("/api/v1/jobs/{id}/cancel", post(who))).await;
    let client = peer.client();
    assert_eq!(client.job_cancel("j").await.expect("an answer"), "nobody plain");
    client.credentials_replace(&Credentials::api_key("k1".to_owned().into())).expect("a key");
    assert_eq!(client.job_cancel("j").await.expect("an answer"), "Bearer k1 plain");
    let pair = peer.authority.issue(Purpose::Client, &["agent.example"], false);
    let identity = Identity { certificate_pem: pair.certificate_pem, key_pem: pair.key_pem.into() };
    client.credentials_replace(&Credentials::identity(identity.clone())).expect("an identity");
    assert_eq!(client.job_cancel("j").await.expect("an answer"), "nobody mtls");
    let broken = Identity { key_pem: "no key".to_owned().into(), ..identity };
    client.credentials_replace(&Credentials::identity(broken)).expect_err("no key");
    assert_eq!(client.job_cancel("j").await.expect("the old one stays"), "nobody mtls");
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let calls = Arc::new(AtomicU32::new(0));
    let router = |failures, status| {
        calls.store(0, Ordering::SeqCst);
        Router::new().route("/api/v1/certificates/{id}/renew", post(failing(failures, status, &calls)))
    };
    let server = peer(router(2, StatusCode::SERVICE_UNAVAILABLE)).await;
    server.client().certificate_renew("c", &Renew::default()).await.expect("the third try");
    assert_eq!(calls.load(Ordering::SeqCst), 3);

    let server = peer(router(9, StatusCode::BAD_GATEWAY)).await;
    let error = server.client().certificate_renew("c", &Renew::default()).await.expect_err("down");
    assert_eq!((calls.load(Ordering::SeqCst), error.class()), (3, Class::Unavailable));

    let server = peer(router(9, StatusCode::CONFLICT)).await;
    let error = server.client().certificate_renew("c", &Renew::default()).await.expect_err("conflict");
    assert_eq!((calls.load(Ordering::SeqCst), error.class()), (1, Class::Conflict));
    assert_eq!(error.problem().map(|problem| problem.request_id.as_str()), Some("r"));
}

#[tokio::test]
async fn all_tries_of_a_write_carry_one_idempotency_key() {
    let seen: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let handler = move |headers: HeaderMap| {
        let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or("none").to_owned();
        log.lock().expect("no panic").push(key);
        std::future::ready(StatusCode::SERVICE_UNAVAILABLE)
    };
    let peer = peer(Router::new().route("/api/v1/certificates", post(handler))).await;
    for _ in 0..2 {
        peer.client().certificate_create(&CertificateCreate::default()).await.expect_err("down");
    }
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen.len(), 6);
    assert!(seen[..3].iter().all(|key| *key == seen[0] && key.len() == 32));
    assert_ne!(seen[0], seen[3]);
}

#[tokio::test]
async fn ids_and_filters_arrive_as_they_were_given() {
    async fn echo(Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
        let message = format!("{id}?{}", query.unwrap_or_default());
        (StatusCode::NOT_FOUND, Json(json!({ "error": "Not Found", "message": message }))).into_response()
    }
    let peer = peer(Router::new().route("/api/v1/agents/{id}", get(echo).delete(echo))).await;
    let error = peer.client().agent("a b%2F?#").await.expect_err("echoed");
    assert_eq!((error.to_string().as_str(), error.class()), ("a b%2F?#?", Class::NotFound));
    let error = peer.client().agent_retire("a", Some("host is gone & sold")).await.expect_err("echoed");
    assert_eq!(error.to_string(), "a?force=true&reason=host+is+gone+%26+sold");
    let error = peer.client().agent("..").await.expect_err("no id");
    assert_eq!(error.class(), Class::Usage);
}

#[tokio::test]
async fn answers_are_capped_and_proxies_pages_are_problems() {
    let router = Router::new()
        .route("/health", get(async || "x".repeat(4096)))
        .route("/ready", get(async || (StatusCode::IM_A_TEAPOT, "<html>proxy</html>")))
        .route("/api/v1/version", get(async || "<html>portal</html>"));
    let peer = peer(router).await;
    let mut options = peer.options();
    options.answer_max = 1024;
    let client = Client::new(options).expect("a client");
    assert_eq!(client.health().await.expect_err("too large").to_string(), "the answer is larger than 1024 bytes");
    assert_eq!(client.ready().await.expect_err("teapot").to_string(), "the server answered 418 I'm a teapot");
    let error = client.version().await.expect_err("no JSON").to_string();
    assert!(error.contains("does not understand"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_reached_says_why() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let mut options = Options::new(format!("https://localhost:{port}"));
    options.insecure = true;
    options.retry.base = Duration::from_millis(1);
    let error = Client::new(options).expect("a client").health().await.expect_err("closed");
    assert!(matches!(&error, Error::Unreachable { cause: Unreachable::Connect(_), .. }), "{error:?}");

    let mut options = Options::new("https://nowhere.invalid");
    options.insecure = true;
    options.retry = RetryPolicy::never();
    let error = Client::new(options).expect("a client").health().await.expect_err("no such name");
    assert!(matches!(&error, Error::Unreachable { cause: Unreachable::Dns(_), .. }), "{error:?}");
}

#[test]
fn options_that_cannot_be_used_are_refused_with_the_remedy() {
    let refused = |change: fn(&mut Options)| {
        let mut options = Options::new("https://localhost:8443");
        options.insecure = true;
        change(&mut options);
        Client::new(options).expect_err("refused").to_string()
    };
    expect_test::expect![[r#"server: "http://localhost" is not https; write https://host:port"#]]
        .assert_eq(&refused(|options| options.server = "http://localhost".into()));
    expect_test::expect!["server: https://h must be https://host:port"]
        .assert_eq(&refused(|options| options.server = "https://user:secret@h".into()));
    expect_test::expect!["ca_bundle: holds no certificate in PEM form"].assert_eq(&refused(|options| {
        options.insecure = false;
        options.roots = Roots::Bundle(b"nothing".to_vec());
    }));
    expect_test::expect![[r#"tls_server_name: "127.0.0.1" is not a host name"#]]
        .assert_eq(&refused(|options| options.server_name = Some("127.0.0.1".into())));
    assert!(Pin::parse("sha256:00").is_err() && Pin::parse(&"0".repeat(64)).is_err());
    assert!(Pin::parse(&format!("sha256:{}", ["AB"; 32].join(":"))).is_ok());
}

#[test]
fn nothing_shows_a_secret() {
    let mut options = Options::new("https://localhost:8443");
    options.insecure = true;
    options.credentials = Credentials::api_key("cck_secret".to_owned().into());
    let shown = format!("{options:?} {:?}", Client::new(options.clone()).expect("a client"));
    assert!(!shown.contains("cck_secret"), "{shown}");
}
