//! A server as an agent meets it: admits, gives out work under leases, signs requests, takes results. It keeps what it was
//! told and misbehaves on request.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use certctl_pki::{Certificate, ExtendedKeyUsage, KeyKind, PrivateKey, San};
use certctl_wire::{JobStatus, JobStatusReport, JobType, KeySpec, WorkItem};
use serde_json::{Value, json};
use tokio::sync::Notify;

mod routes;
mod world;

use routes::{routes, serve};
use world::Authority;
pub use world::{World, ago};

pub const TOKEN: &str = "a-token-that-admits";
pub const API_KEY: &str = "cca_key-of-the-agent";
pub const CERTIFICATE: &str = "cert_1";
pub const NAME: &str = "a.example";

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

/// Names of the files in a directory.
pub fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
