//! The server's doors: they do the work of the real ones on [`World`], and lose the answer where they are told to.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path as Segments, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use certctl_pki::{Certificate, Csr, ExtendedKeyUsage, PrivateKey, San};
use certctl_wire::{
    Agent, AgentCertificate, AgentStatus, CsrSubmit, IdentityAnswer, IdentityRequest, JobStatus, JobStatusReport,
    JobType, RegisterAnswer, RegisterRequest, StatusAnswer, Work, WorkItem,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{
    API_KEY, NAME, Shared, TOKEN,
    world::{LEASE, World, ago},
};

type Told = State<Arc<Shared>>;

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(json!({"status": "healthy"})) }))
        .route("/api/v1/agents/register", post(register))
        .route("/api/v1/agents/{id}/identity", post(identity))
        .route("/api/v1/agents/{id}/heartbeat", post(heartbeat))
        .route("/api/v1/agents/{id}/work", get(work))
        .route("/api/v1/agents/{id}/csr", post(csr))
        .route("/api/v1/agents/{id}/certificates/{certificate}", get(certificate))
        .route("/api/v1/agents/{id}/jobs/{job}/status", post(status))
        .with_state(shared)
}

/// Refuses a caller as the real server would.
fn admit(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    let mut world = shared.world.lock().expect("not poisoned");
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    world.by_key = bearer.as_deref() == Some(&format!("Bearer {API_KEY}"));
    if world.retired {
        return Some(refused(StatusCode::GONE));
    }
    if world.only_by_key && !world.by_key {
        return Some(refused(StatusCode::UNAUTHORIZED));
    }
    None
}

fn refused(status: StatusCode) -> Response {
    (status, Json(json!({"error": status.canonical_reason(), "message": "so it is", "code": "test"}))).into_response()
}

/// Answers, or loses the answer.
fn answer(shared: &Shared, path: &'static str, value: impl IntoResponse) -> Response {
    let lost = shared.world.lock().expect("not poisoned").loses(path);
    shared.changed.notify_waiters();
    if lost { refused(StatusCode::SERVICE_UNAVAILABLE) } else { value.into_response() }
}

async fn register(State(shared): Told, headers: HeaderMap, Json(ask): Json<RegisterRequest>) -> Response {
    if headers.get("x-certctl-agent-bootstrap").is_none_or(|token| token != TOKEN) {
        return refused(StatusCode::UNAUTHORIZED);
    }
    let made = {
        let mut world = shared.world.lock().expect("not poisoned");
        let [certificate_pem, chain_pem, ca_pem] = world.identity(&ask.csr_pem);
        let agent = Agent {
            id: "agt_1".to_owned(),
            name: ask.name.clone(),
            hostname: ask.hostname.clone(),
            status: AgentStatus::Online,
            last_heartbeat_at: None,
            registered_at: ago(0).to_rfc3339(),
            os: String::new(),
            architecture: String::new(),
            ip_address: String::new(),
            version: String::new(),
            retired_at: None,
            retired_reason: None,
            revision: 1,
        };
        world.registrations.push(ask);
        RegisterAnswer { agent, certificate_pem, chain_pem, ca_pem, api_key: API_KEY.to_owned() }
    };
    answer(&shared, "register", (StatusCode::CREATED, Json(made)))
}

async fn identity(State(shared): Told, headers: HeaderMap, Json(ask): Json<IdentityRequest>) -> Response {
    if let Some(response) = admit(&shared, &headers) {
        return response;
    }
    let made = {
        let mut world = shared.world.lock().expect("not poisoned");
        world.identity_life = Duration::from_secs(30 * 86_400);
        let [certificate_pem, chain_pem, ca_pem] = world.identity(&ask.csr_pem);
        world.renewals.push(ask);
        world.renewed_by_key = world.by_key;
        world.only_by_key = false;
        IdentityAnswer { certificate_pem, chain_pem, ca_pem }
    };
    answer(&shared, "identity", Json(made))
}

async fn heartbeat(State(shared): Told, headers: HeaderMap) -> Response {
    if let Some(response) = admit(&shared, &headers) {
        return response;
    }
    shared.world.lock().expect("not poisoned").heartbeats += 1;
    answer(&shared, "heartbeat", Json(StatusAnswer { status: "heartbeat_recorded".to_owned() }))
}

/// Gives out everything that is open and not leased.
async fn work(State(shared): Told, headers: HeaderMap, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    if let Some(response) = admit(&shared, &headers) {
        return response;
    }
    if asked.contains_key("resume") {
        let mut world = shared.world.lock().expect("not poisoned");
        if world.knows_no_resume {
            return refused(StatusCode::BAD_REQUEST);
        }
        world.leased.clear();
        let jobs = world.lease();
        drop(world);
        let count = jobs.len() as u64;
        return answer(&shared, "resume", Json(Work { jobs, count }));
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(1);
    loop {
        let changed = shared.changed.notified();
        let jobs = shared.world.lock().expect("not poisoned").lease();
        let over = tokio::time::Instant::now() >= deadline;
        if !jobs.is_empty() || over {
            let count = jobs.len() as u64;
            return answer(&shared, "work", Json(Work { jobs, count }));
        }
        let _ = tokio::time::timeout_at(deadline, changed).await;
    }
}

async fn csr(State(shared): Told, headers: HeaderMap, Json(ask): Json<CsrSubmit>) -> Response {
    if let Some(response) = admit(&shared, &headers) {
        return response;
    }
    {
        let mut world = shared.world.lock().expect("not poisoned");
        let job = ask.job_id.clone().unwrap_or_default();
        let known = world.requests.iter().find(|known| known.job_id == ask.job_id).cloned();
        if known.as_ref().is_some_and(|known| known.csr_pem != ask.csr_pem) {
            return refused(StatusCode::CONFLICT);
        }
        world.requests.push(ask.clone());
        if known.is_none() {
            sign(&mut world, &job, &ask);
        }
    }
    let status = StatusAnswer { status: "csr_signed".to_owned() };
    answer(&shared, "csr", (StatusCode::ACCEPTED, Json(status)))
}

fn sign(world: &mut World, job: &str, ask: &CsrSubmit) {
    let csr = Csr::parse_pem(&ask.csr_pem).expect("request");
    let sans = world.other_names.clone().unwrap_or_else(|| vec![San::parse(NAME).expect("name")]);
    let day = Duration::from_secs(86_400);
    let pem = world.authority.issue(csr.public_key(), sans, ExtendedKeyUsage::ServerAuth, ago(60), day);
    let fingerprint = Certificate::parse_pem(&pem).expect("leaf").fingerprint_sha256();
    world.issued.insert(ask.certificate_id.clone(), pem);
    world.open.retain(|item| item.id != job);
    let item = world.item(&format!("{job}_deploy"), JobType::Deployment, JobStatus::Running);
    let config = world.config.clone();
    world.open.push_back(WorkItem {
        target_id: Some("tgt_1".to_owned()),
        target_type: Some("File".to_owned()),
        target_config: Some(config),
        expected_fingerprint: Some(fingerprint),
        ..item
    });
}

async fn certificate(
    State(shared): Told,
    headers: HeaderMap,
    Segments((_, id)): Segments<(String, String)>,
) -> Response {
    if let Some(response) = admit(&shared, &headers) {
        return response;
    }
    let found = shared.world.lock().expect("not poisoned").issued.get(&id).cloned();
    match found {
        Some(certificate_pem) => {
            answer(&shared, "certificate", Json(AgentCertificate { certificate_pem, version_id: None }))
        }
        None => refused(StatusCode::NOT_FOUND),
    }
}

async fn status(
    State(shared): Told,
    headers: HeaderMap,
    Segments((_, job)): Segments<(String, String)>,
    Json(report): Json<JobStatusReport>,
) -> Response {
    if let Some(response) = admit(&shared, &headers) {
        return response;
    }
    {
        let mut world = shared.world.lock().expect("not poisoned");
        let fin = report.status != "Running";
        if fin && world.results_refused {
            return refused(StatusCode::SERVICE_UNAVAILABLE);
        }
        let epoch = world.open.iter().find(|item| item.id == job).map(|item| item.lease_epoch);
        let ended = world.result(&job).is_some();
        match epoch {
            Some(epoch) if report.lease_epoch.is_some_and(|given| given < epoch) => {
                return refused(StatusCode::CONFLICT);
            }
            None if ended && fin => {}
            None => return refused(StatusCode::CONFLICT),
            Some(_) => {}
        }
        if fin {
            world.open.retain(|item| item.id != job);
        }
        world.leased.insert(job.clone(), Instant::now() + LEASE);
        world.reports.push((job, report));
    }
    answer(&shared, "status", Json(StatusAnswer { status: "updated".to_owned() }))
}

/// Listens over TLS; the address.
pub(super) async fn serve(certificate: &str, key: &PrivateKey, router: Router) -> String {
    let leaf = Certificate::parse_pem(certificate).expect("leaf");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(leaf.der().to_vec())], key)
        .expect("certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("https://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let service = TowerToHyperService::new(router);
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                }
            });
        }
    });
    url
}
