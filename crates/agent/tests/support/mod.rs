//! A server as an agent meets it: admits, gives out work under leases, signs requests, takes results. It keeps what it was
//! told and misbehaves on request.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Json, Router,
    extract::{Path as Segments, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use certctl_pki::{
    Certificate, Csr, ExtendedKeyUsage, IssuerRef, KeyKind, PrivateKey, San, Serial, Template, Timestamp,
    build::{Kind, Validity},
    name::Subject,
};
use certctl_wire::{
    Agent, AgentCertificate, AgentStatus, CsrSubmit, IdentityAnswer, IdentityRequest, JobStatus, JobStatusReport,
    JobType, KeySpec, RegisterAnswer, RegisterRequest, StatusAnswer, Work, WorkItem,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};
use tokio_rustls::TlsAcceptor;

pub const TOKEN: &str = "a-token-that-admits";
pub const API_KEY: &str = "cca_key-of-the-agent";
pub const CERTIFICATE: &str = "cert_1";
pub const NAME: &str = "a.example";

/// So long that a killed agent's work comes back only because the next run asks for it.
const LEASE: Duration = Duration::from_secs(60);

/// The server and all that it knows.
pub struct Server {
    pub url: String,
    pub dir: tempfile::TempDir,
    shared: Arc<Shared>,
}

pub struct Shared {
    world: Mutex<World>,
    changed: Notify,
}

/// What the server was told, and how it misbehaves.
pub struct World {
    authority: Authority,
    pub registrations: Vec<RegisterRequest>,
    pub renewals: Vec<IdentityRequest>,
    pub heartbeats: usize,
    pub requests: Vec<CsrSubmit>,
    pub reports: Vec<(String, JobStatusReport)>,
    /// Whether the last call carried a bearer token.
    pub by_key: bool,
    /// Whether the last renewal of an identity did.
    pub renewed_by_key: bool,
    open: VecDeque<WorkItem>,
    /// Until when an open job is not given out again.
    leased: BTreeMap<String, Instant>,
    issued: BTreeMap<String, String>,
    /// Calls to a path that do their work and are then answered with 503, or 401, or 410.
    pub lost: BTreeMap<&'static str, usize>,
    /// Certificates are refused until the identity is renewed.
    pub only_by_key: bool,
    pub knows_no_resume: bool,
    pub retired: bool,
    pub results_refused: bool,
    /// Names written into certificates, if not those asked for.
    pub other_names: Option<Vec<San>>,
    pub identity_life: Duration,
    pub config: Value,
}

struct Authority {
    key: PrivateKey,
    root: Certificate,
    serial: u64,
}

impl Authority {
    fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
        let ca = Template {
            kind: Kind::Ca { path_len: None },
            serial: Serial::from_hex("01").expect("serial"),
            subject: Subject::common_name("root").expect("name"),
            sans: vec![],
            public_key: key.public_key().clone(),
            validity: Validity::lasting(ago(3600), Duration::from_secs(30 * 86_400)).expect("validity"),
            extended_key_usages: vec![],
            must_staple: false,
        };
        let tbs = ca.self_signed().expect("template");
        let signature = key.sign(tbs.der()).expect("signature");
        let root = tbs.finish(&signature).expect("certificate");
        Self { key, root, serial: 1 }
    }

    fn issue(
        &mut self,
        key: &certctl_pki::PublicKey,
        sans: Vec<San>,
        usage: ExtendedKeyUsage,
        from: Timestamp,
        life: Duration,
    ) -> String {
        self.serial += 1;
        let leaf = Template {
            kind: Kind::Leaf,
            serial: Serial::from_be_bytes(&self.serial.to_be_bytes()).expect("serial"),
            subject: Subject::empty(),
            sans,
            public_key: key.clone(),
            validity: Validity::lasting(from, life).expect("validity"),
            extended_key_usages: vec![usage],
            must_staple: false,
        };
        let tbs = leaf.issued_by(&IssuerRef::new(self.root.clone()).expect("issuer")).expect("template");
        let signature = self.key.sign(tbs.der()).expect("signature");
        tbs.finish(&signature).expect("certificate").to_pem()
    }
}

/// So many seconds ago.
pub fn ago(seconds: i64) -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "fixtures make certificates that are valid now")]
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_unix_secs(i64::try_from(elapsed.as_secs()).expect("far future") - seconds)
}

impl Server {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("directory");
        let mut authority = Authority::new();
        let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
        let sans = vec![San::parse("127.0.0.1").expect("name")];
        let day = Duration::from_secs(86_400);
        let certificate = authority.issue(key.public_key(), sans, ExtendedKeyUsage::ServerAuth, ago(3600), day);
        fs::write(dir.path().join("ca.pem"), authority.root.to_pem()).expect("CA");
        let shared = Arc::new(Shared { world: Mutex::new(World::new(authority)), changed: Notify::new() });
        let url = serve(&certificate, &key, routes(shared.clone())).await;
        Self { url, dir, shared }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().expect("not poisoned")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("path").join(name)
    }

    /// The environment of an agent of this server.
    pub fn vars(&self) -> Vec<(String, String)> {
        let live = self.path("live");
        fs::create_dir_all(&live).expect("directory");
        fs::set_permissions(&live, fs::Permissions::from_mode(0o755)).expect("mode");
        let policy = self.path("policy.toml");
        fs::write(&policy, format!("allowed_paths = [{live:?}]\n")).expect("policy");
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o600)).expect("mode");
        let text = |path: PathBuf| path.to_str().expect("path").to_owned();
        [
            ("CERTCTL_SERVER_URL", self.url.clone()),
            ("CERTCTL_SERVER_CA_BUNDLE_PATH", text(self.path("ca.pem"))),
            ("CERTCTL_AGENT_STATE_DIR", text(self.path("state"))),
            ("CERTCTL_KEY_DIR", text(self.path("keys"))),
            ("CERTCTL_AGENT_POLICY_PATH", text(policy)),
            ("CERTCTL_AGENT_BOOTSTRAP_TOKEN", TOKEN.to_owned()),
            ("CERTCTL_AGENT_NAME", "web-1".to_owned()),
            ("CERTCTL_POLL_INTERVAL", "1s".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Puts a certificate that waits for a request, to be deployed by a second job.
    pub fn ask_for_certificate(&self, job: &str) {
        self.ask_for_certificate_and(job, json!({}));
    }

    /// The same for a target with some more settings.
    pub fn ask_for_certificate_and(&self, job: &str, more: Value) {
        let mut config = json!({
            "cert_path": self.path("live/cert.pem"), "key_path": self.path("live/key.pem")
        });
        config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let mut world = self.world();
        world.config = config;
        let item = world.item(job, JobType::Renewal, JobStatus::AwaitingCsr);
        world.open.push_back(WorkItem {
            common_name: Some(NAME.to_owned()),
            sans: vec![NAME.to_owned()],
            key: Some(KeySpec { algorithm: "ECDSA".to_owned(), size: 256 }),
            ..item
        });
        drop(world);
        self.shared.changed.notify_waiters();
    }

    /// Puts a look at a target whose certificate lies at `cert_path`.
    pub fn ask_for_test(&self, job: &str, cert_path: &Path) {
        self.ask_for_look(job, "tgt_1", json!({ "cert_path": cert_path }));
    }

    /// Puts a look at a target.
    pub fn ask_for_look(&self, job: &str, target: &str, config: Value) {
        let mut world = self.world();
        let item = world.item(job, JobType::TestTarget, JobStatus::Running);
        world.open.push_back(WorkItem {
            certificate_id: String::new(),
            target_id: Some(target.to_owned()),
            target_type: Some("File".to_owned()),
            target_config: Some(config),
            ..item
        });
        drop(world);
        self.shared.changed.notify_waiters();
    }

    /// Waits until `what` holds.
    pub async fn wait_until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let changed = self.shared.changed.notified();
            if holds(&self.world()) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, changed).await.is_err() {
                let world = self.world();
                panic!("never came to pass: {what}; last report {:?}", world.reports.last());
            }
        }
    }

    /// The final report of a job, if there is one.
    pub fn result(&self, job: &str) -> Option<JobStatusReport> {
        self.world().result(job)
    }

    /// The leaf in the live file.
    pub fn installed(&self) -> Option<Certificate> {
        let text = fs::read_to_string(self.path("live/cert.pem")).ok()?;
        certctl_pki::pem::split_certificates(&text).ok()?.first().cloned()
    }

    /// The key that `current` points to.
    pub fn current_key(&self) -> Option<String> {
        fs::read_to_string(self.path("keys").join(CERTIFICATE).join("current")).ok()
    }
}

impl World {
    fn new(authority: Authority) -> Self {
        Self {
            authority,
            registrations: vec![],
            renewals: vec![],
            heartbeats: 0,
            requests: vec![],
            reports: vec![],
            by_key: false,
            renewed_by_key: false,
            open: VecDeque::new(),
            leased: BTreeMap::new(),
            issued: BTreeMap::new(),
            lost: BTreeMap::new(),
            only_by_key: false,
            knows_no_resume: false,
            retired: false,
            results_refused: false,
            other_names: None,
            identity_life: Duration::from_secs(30 * 86_400),
            config: Value::Null,
        }
    }

    pub fn result(&self, job: &str) -> Option<JobStatusReport> {
        let mut reports = self.reports.iter().rev();
        reports.find(|(id, report)| id == job && report.status != "Running").map(|(_, report)| report.clone())
    }

    /// How often a job was begun.
    pub fn begun(&self, job: &str) -> usize {
        self.reports.iter().filter(|(id, report)| id == job && report.status == "Running").count()
    }

    fn item(&self, job: &str, kind: JobType, status: JobStatus) -> WorkItem {
        WorkItem {
            id: job.to_owned(),
            r#type: kind,
            status,
            certificate_id: CERTIFICATE.to_owned(),
            common_name: None,
            sans: vec![],
            key: None,
            target_id: None,
            target_name: None,
            target_type: None,
            target_config: None,
            version_id: None,
            expected_fingerprint: None,
            lease_epoch: 0,
            lease_until: ago(-90).to_rfc3339(),
        }
    }

    fn lease(&mut self) -> Vec<WorkItem> {
        let now = Instant::now();
        let mut given = Vec::new();
        for item in &mut self.open {
            if self.leased.get(&item.id).is_none_or(|until| *until <= now) {
                item.lease_epoch += 1;
                self.leased.insert(item.id.clone(), now + LEASE);
                given.push(item.clone());
            }
        }
        given
    }

    fn identity(&mut self, csr_pem: &str) -> [String; 3] {
        let csr = Csr::parse_pem(csr_pem).expect("identity request");
        let sans = vec![San::parse("certctl://agent/agt_1").expect("name")];
        let life = self.identity_life;
        let certificate = self.authority.issue(csr.public_key(), sans, ExtendedKeyUsage::ClientAuth, ago(60), life);
        [certificate, String::new(), self.authority.root.to_pem()]
    }

    /// Whether this answer gets lost, after its work was done.
    fn loses(&mut self, path: &'static str) -> bool {
        match self.lost.get_mut(path) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}

type Told = State<Arc<Shared>>;

fn routes(shared: Arc<Shared>) -> Router {
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

async fn serve(certificate: &str, key: &PrivateKey, router: Router) -> String {
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

/// Names of the files in a directory.
pub fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
