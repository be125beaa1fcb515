//! What the server knows, and its answers to itself.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant, SystemTime},
};

use certctl_pki::{
    Certificate, Csr, ExtendedKeyUsage, IssuerRef, KeyKind, PrivateKey, San, Serial, Template, Timestamp,
    build::{Kind, Validity},
    name::Subject,
};
use certctl_wire::{CsrSubmit, IdentityRequest, JobStatus, JobStatusReport, JobType, RegisterRequest, WorkItem};
use serde_json::Value;

use super::CERTIFICATE;

/// So long that a killed agent's work comes back only because the next run asks for it.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// What the server was told, and how it misbehaves.
pub struct World {
    pub(super) authority: Authority,
    pub registrations: Vec<RegisterRequest>,
    pub renewals: Vec<IdentityRequest>,
    pub heartbeats: usize,
    pub requests: Vec<CsrSubmit>,
    pub reports: Vec<(String, JobStatusReport)>,
    /// Whether the last call carried a bearer token.
    pub by_key: bool,
    /// Whether the last renewal of an identity did.
    pub renewed_by_key: bool,
    pub(super) open: VecDeque<WorkItem>,
    /// Until when an open job is not given out again.
    pub(super) leased: BTreeMap<String, Instant>,
    pub(super) issued: BTreeMap<String, String>,
    /// Calls to a path that do their work and are then answered with 503, or 401, or 410.
    pub lost: BTreeMap<&'static str, usize>,
    /// Certificates are refused until the identity is renewed.
    pub only_by_key: bool,
    pub knows_no_resume: bool,
    pub retired: bool,
    pub results_refused: bool,
    /// Work is given out under leases that are over.
    pub leases_over: bool,
    /// Names written into certificates, if not those asked for.
    pub other_names: Option<Vec<San>>,
    pub identity_life: Duration,
    pub config: Value,
}

pub(super) struct Authority {
    key: PrivateKey,
    pub(super) root: Certificate,
    serial: u64,
}

impl Authority {
    pub(super) fn new() -> Self {
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

    pub(super) fn issue(
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

impl World {
    pub(super) fn new(authority: Authority) -> Self {
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
            leases_over: false,
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

    pub(super) fn item(&self, job: &str, kind: JobType, status: JobStatus) -> WorkItem {
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
            lease_until: ago(if self.leases_over { 1 } else { -90 }).to_rfc3339(),
        }
    }

    pub(super) fn lease(&mut self) -> Vec<WorkItem> {
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

    pub(super) fn identity(&mut self, csr_pem: &str) -> [String; 3] {
        let csr = Csr::parse_pem(csr_pem).expect("identity request");
        let sans = vec![San::parse("certctl://agent/agt_1").expect("name")];
        let life = self.identity_life;
        let certificate = self.authority.issue(csr.public_key(), sans, ExtendedKeyUsage::ClientAuth, ago(60), life);
        [certificate, String::new(), self.authority.root.to_pem()]
    }

    /// Whether this answer gets lost, after its work was done.
    pub(super) fn loses(&mut self, path: &'static str) -> bool {
        match self.lost.get_mut(path) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}
