//! A host with a TLS service on it, as deployments meet one: live files, a reload command, and an endpoint that serves what
//! it loaded at its last reload.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use certctl_connector::{
    Cx, Material, Progress,
    target::{StepOutcome, StepRecord},
};
use certctl_pki::{
    Certificate, ExtendedKeyUsage, IssuerRef, KeyKind, PrivateKey, San, Serial, Template, Timestamp,
    build::{Kind, Validity},
    name::Subject,
    pem,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Name the service is asked for.
pub const NAME: &str = "a.example";

/// The wall clock; fixtures live in the same time as the code under test.
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "fixtures make certificates that are valid now")]
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Timestamp::from_unix_secs(i64::try_from(elapsed.as_secs()).expect("before the year 292 billion"))
}

/// What every call gets.
pub fn cx() -> Cx {
    Cx { idempotency_key: "job_1".to_owned(), now: now(), budget: Duration::from_secs(60) }
}

/// A root and an issuing CA.
pub struct Authority {
    key: PrivateKey,
    issuing: Certificate,
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

impl Authority {
    pub fn new() -> Self {
        let root_key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
        let root = sign(&template(&root_key, CA, hours(-1), hours(1000)), None, &root_key);
        let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
        let issuing = sign(&template(&key, CA, hours(-1), hours(1000)), Some(&root), &root_key);
        Self { key, issuing }
    }

    /// A fresh leaf for [`NAME`] with its key.
    pub fn material(&self) -> Material {
        self.material_valid(hours(-1), hours(100))
    }

    pub fn material_valid(&self, from: Timestamp, until: Timestamp) -> Material {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
        let leaf = sign(&template(&key, Kind::Leaf, from, until), Some(&self.issuing), &self.key);
        let key_pem = SecretString::from(key.to_pkcs8_pem().to_string());
        Material { leaf, chain: vec![self.issuing.clone()], key_pem }
    }
}

const CA: Kind = Kind::Ca { path_len: None };

/// `count` hours from now.
pub fn hours(count: i64) -> Timestamp {
    Timestamp::from_unix_secs(now().unix_secs() + count * 3600)
}

fn template(key: &PrivateKey, kind: Kind, from: Timestamp, until: Timestamp) -> Template {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let leaf = kind == Kind::Leaf;
    Template {
        kind,
        serial: Serial::from_be_bytes(&serial.to_be_bytes()).expect("serial"),
        subject: Subject::common_name(&if leaf { NAME.to_owned() } else { format!("ca {serial}") }).expect("name"),
        sans: if leaf { vec![San::parse(NAME).expect("name")] } else { vec![] },
        public_key: key.public_key().clone(),
        validity: Validity::new(from, until).expect("validity"),
        extended_key_usages: if leaf { vec![ExtendedKeyUsage::ServerAuth] } else { vec![] },
        must_staple: false,
    }
}

fn sign(template: &Template, issuer: Option<&Certificate>, key: &PrivateKey) -> Certificate {
    let tbs = match issuer {
        Some(issuer) => template.issued_by(&IssuerRef::new(issuer.clone()).expect("issuer")),
        None => template.self_signed(),
    }
    .expect("template");
    let signature = key.sign(tbs.der()).expect("signature");
    tbs.finish(&signature).expect("certificate")
}

/// A file as it lies there: bytes, permission, owner, group.
pub type Snapshot = BTreeMap<String, (Vec<u8>, u32, u32, u32)>;

/// A directory with a live, a served and a state part.
pub struct Host {
    pub dir: PathBuf,
    pub endpoint: String,
    _keep: Option<tempfile::TempDir>,
}

impl Host {
    pub fn new() -> Self {
        let keep = tempfile::tempdir().expect("directory");
        let dir = keep.path().canonicalize().expect("path");
        for part in ["live", "served", "state"] {
            fs::create_dir(dir.join(part)).expect("directory");
            chmod(&dir.join(part), 0o755);
        }
        let host = Self { dir, endpoint: String::new(), _keep: Some(keep) };
        host.script("reload", RELOAD);
        host.script("validate", "#!/bin/sh\ncd \"${0%/*}\" || exit 1\ntest ! -e refuse || { rm refuse; exit 1; }\n");
        host
    }

    /// The same host seen from another process.
    pub fn existing(dir: &Path, endpoint: &str) -> Self {
        Self { dir: dir.to_owned(), endpoint: endpoint.to_owned(), _keep: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes an executable.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("script");
        chmod(&path, 0o755);
        path.to_str().expect("path").to_owned()
    }

    /// Makes the next validate (`refuse`), reload (`fail`) or loading of the files (`ignore`) go wrong.
    pub fn flag(&self, name: &str) {
        fs::write(self.path(name), "").expect("flag");
    }

    /// Takes back what [`Host::flag`] did.
    pub fn calm(&self) {
        for flag in ["refuse", "fail", "ignore"] {
            let _ = fs::remove_file(self.path(flag));
        }
    }

    /// A policy that allows this host's live directory and scripts.
    pub fn policy(&self) -> String {
        format!(
            "allowed_paths = [{:?}]\nallowed_commands = [[{:?}], [{:?}]]\n",
            self.path("live"),
            self.path("reload"),
            self.path("validate")
        )
    }

    /// A target with three files, commands, and verification when the service listens.
    pub fn config(&self) -> Value {
        let mut config = json!({
            "cert_path": self.path("live/cert.pem"),
            "key_path": self.path("live/key.pem"),
            "chain_path": self.path("live/chain.pem"),
            "validate_command": [self.path("validate")],
            "reload_command": [self.path("reload")],
        });
        if !self.endpoint.is_empty() {
            config["post_deploy_verify"] = json!({
                "endpoint": self.endpoint, "attempts": 2, "backoff": "10ms", "max_backoff": "10ms", "timeout": "5s"
            });
        }
        config
    }

    /// All live files, leftovers included.
    pub fn live(&self) -> Snapshot {
        let entries = fs::read_dir(self.path("live")).expect("live directory");
        let files = entries.map(|entry| {
            let path = entry.expect("entry").path();
            let about = fs::symlink_metadata(&path).expect("file");
            let name = path.file_name().and_then(|name| name.to_str()).expect("name").to_owned();
            (name, (fs::read(&path).expect("bytes"), about.mode() & 0o7777, about.uid(), about.gid()))
        });
        files.collect()
    }

    /// Every file and directory of this host, with permission, owner and the instant of its last change (of content, and of
    /// anything).
    pub fn everything(&self) -> BTreeMap<PathBuf, (u32, u32, u32, u64, [i64; 4])> {
        let mut seen = BTreeMap::new();
        let mut ahead = vec![self.dir.clone()];
        while let Some(path) = ahead.pop() {
            let about = fs::symlink_metadata(&path).expect("file");
            if about.is_dir() {
                ahead.extend(fs::read_dir(&path).expect("directory").map(|entry| entry.expect("entry").path()));
            }
            let times = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
            seen.insert(path, (about.mode(), about.uid(), about.gid(), about.size(), times));
        }
        seen
    }

    /// Serves what the last reload loaded; nothing until then.
    pub async fn serve(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        self.endpoint = listener.local_addr().expect("address").to_string();
        let served = self.path("served");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Some(config) = load(&served) {
                    tokio::spawn(TlsAcceptor::from(Arc::new(config)).accept(stream));
                }
            }
        });
    }

    /// The leaf that the service loaded last.
    pub fn served(&self) -> Option<String> {
        let text = fs::read_to_string(self.path("served/cert.pem")).ok()?;
        Some(pem::split_certificates(&text).ok()?.first()?.fingerprint_sha256())
    }

    /// The leaf in the live certificate file.
    pub fn installed(&self) -> Option<String> {
        let text = fs::read_to_string(self.path("live/cert.pem")).ok()?;
        Some(pem::split_certificates(&text).ok()?.first()?.fingerprint_sha256())
    }

    pub fn reloads(&self) -> usize {
        fs::read_to_string(self.path("reloads")).map_or(0, |text| text.len())
    }
}

/// Loads the live files as a whole, or refuses; without live files it serves nothing.
const RELOAD: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 1
printf x >> reloads
if test -e fail; then rm fail; exit 1; fi
if test -e ignore; then rm ignore; exit 0; fi
if test -e live/cert.pem && test -e live/key.pem; then
  cp live/cert.pem served/cert.new && cp live/key.pem served/key.new || exit 1
  mv served/cert.new served/cert.pem && mv served/key.new served/key.pem
else
  rm -f served/cert.pem served/key.pem
fi
"#;

fn load(served: &Path) -> Option<ServerConfig> {
    let chain = pem::split_certificates(&fs::read_to_string(served.join("cert.pem")).ok()?).ok()?;
    let key = PrivateKey::from_pem(&fs::read_to_string(served.join("key.pem")).ok()?).ok()?;
    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec()));
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permission");
}

/// Keeps what a deployment tells.
#[derive(Default)]
pub struct Told(Mutex<Vec<StepRecord>>);

impl Told {
    pub fn steps(&self) -> Vec<(&'static str, &'static str)> {
        let told = self.0.lock().expect("not poisoned");
        told.iter().map(|record| (record.step, record.outcome.as_str())).collect()
    }

    pub fn failures(&self) -> Vec<String> {
        let told = self.0.lock().expect("not poisoned");
        let failed = told.iter().filter(|record| matches!(record.outcome, StepOutcome::Failed(_)));
        failed.map(|record| format!("{} {}", record.step, record.outcome)).collect()
    }
}

impl Progress for Told {
    fn step(&self, record: StepRecord) {
        self.0.lock().expect("not poisoned").push(record);
    }
}

/// Material through a file, for another process.
pub fn write_material(path: &Path, material: &Material) {
    let value = json!({
        "leaf": material.leaf.to_pem(),
        "chain": pem::to_pem_chain(&material.chain),
        "key": material.key_pem.expose_secret(),
    });
    fs::write(path, value.to_string()).expect("material");
}

pub fn read_material(path: &Path) -> Material {
    let value: Value = serde_json::from_str(&fs::read_to_string(path).expect("material")).expect("json");
    let text = |name: &str| value[name].as_str().expect("text").to_owned();
    Material {
        leaf: Certificate::parse_pem(&text("leaf")).expect("leaf"),
        chain: pem::split_certificates(&text("chain")).expect("chain"),
        key_pem: SecretString::from(text("key")),
    }
}
