use certctl_pki::build::{Kind as CertificateKind, Template, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{KeyKind, PrivateKey, Serial};
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_unix_secs(NOW)
}

fn self_signed(key: &PrivateKey, days: u64) -> Certificate {
    let start = now() - Duration::from_secs(86_400);
    let template = Template {
        kind: CertificateKind::Ca { path_len: Some(1) },
        serial: Serial::from_random([7; 20]),
        subject: Subject::common_name("Test Root").expect("a name"),
        sans: Vec::new(),
        public_key: key.public_key().clone(),
        validity: Validity::new(start, start + Duration::from_secs(days * 86_400)).expect("dates"),
        extended_key_usages: Vec::new(),
        must_staple: false,
    };
    let tbs = template.self_signed().expect("a root");
    let signature = key.sign(tbs.der()).expect("a signature");
    tbs.finish(&signature).expect("a certificate")
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).expect("a key")
}

fn files(certificate: &Certificate, key: &PrivateKey, mode: u32) -> (tempfile::TempDir, LocalConfig) {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let (cert_path, key_path) = (dir.path().join("ca.pem"), dir.path().join("ca.key"));
    std::fs::write(&cert_path, certificate.to_pem()).expect("written");
    std::fs::write(&key_path, key.to_pkcs8_pem().as_bytes()).expect("written");
    std::fs::set_permissions(&key_path, std::fs::Permissions::from_mode(mode)).expect("mode");
    let config = json!({"ca_cert_path": cert_path, "ca_key_path": key_path});
    (dir, LocalConfig::parse(&config).expect("a configuration"))
}

#[track_caller]
fn refused(result: Result<Engine, ConnectorError>, part: &str) {
    let error = result.err().expect("it is refused");
    assert_eq!(error.class(), ErrorClass::Config);
    assert!(error.message().contains(part), "{}", error.message());
}

#[test]
fn defaults_stand_in_one_place() {
    let config = LocalConfig::parse(&json!({})).expect("defaults");
    assert_eq!((config.ca_common_name.as_str(), config.validity_days), ("CertCtl Local CA", 90));
    assert!(LocalConfig::parse(&json!({"validity_days": 0})).is_err());
    assert!(LocalConfig::parse(&json!({"ca_cert_path": "/etc/ca.pem"})).is_err());
}

#[test]
fn a_subordinate_ca_is_read_from_files() {
    let key = key();
    let (_dir, config) = files(&self_signed(&key, 365), &key, 0o600);
    let engine = from_files(&config, CaId::fixed("ca-test"), now()).expect("an engine");
    assert_eq!(engine.kind(), LOCAL_CA);
}

#[test]
fn a_key_of_another_ca_is_refused() {
    let (_dir, config) = files(&self_signed(&key(), 365), &key(), 0o600);
    refused(from_files(&config, CaId::fixed("ca-test"), now()), "does not belong");
}

#[test]
fn an_expired_ca_is_refused() {
    let key = key();
    let (_dir, config) = files(&self_signed(&key, 1), &key, 0o600);
    refused(from_files(&config, CaId::fixed("ca-test"), now() + Duration::from_secs(86_400)), "not valid now");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let key = key();
    let (_dir, config) = files(&self_signed(&key, 365), &key, 0o644);
    refused(from_files(&config, CaId::fixed("ca-test"), now()), "chmod 600");
}
