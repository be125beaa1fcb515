use std::time::Duration;

use certctl_pki::{
    ExtendedKeyUsage, San, Serial, Template,
    build::{Kind, Validity},
    name::Subject,
};

use super::*;

fn answered(pending: &Pending, from: Timestamp, life: Duration) -> Identity {
    let key = PrivateKey::from_pem(&pending.key_pem).expect("key");
    let template = Template {
        kind: Kind::Leaf,
        serial: Serial::from_hex("01").expect("serial"),
        subject: Subject::empty(),
        sans: vec![San::parse("certctl://agent/agt_1").expect("name")],
        public_key: key.public_key().clone(),
        validity: Validity::lasting(from, life).expect("validity"),
        extended_key_usages: vec![ExtendedKeyUsage::ClientAuth],
        must_staple: false,
    };
    let tbs = template.self_signed().expect("template");
    let signature = key.sign(tbs.der()).expect("signature");
    let pem = tbs.finish(&signature).expect("certificate").to_pem();
    Identity::answered(pending, "agt_1".to_owned(), "https://a", [&pem, ""], "cca_key".to_owned())
}

#[test]
fn a_request_is_kept_until_its_answer_is() {
    let dir = tempfile::tempdir().expect("directory");
    let token = SecretString::from("one");
    let first = Pending::begin(dir.path(), Some(&token)).expect("request");
    assert_eq!(Pending::begin(dir.path(), Some(&token)).expect("again").csr_pem, first.csr_pem);
    // Another token is another admission.
    let other = Pending::begin(dir.path(), Some(&SecretString::from("two"))).expect("request");
    assert_ne!(other.csr_pem, first.csr_pem);

    let identity = answered(&other, Timestamp::UNIX_EPOCH, Duration::from_secs(91));
    identity.store(dir.path()).expect("stored");
    assert!(!pending_path(dir.path()).exists());
    let loaded = Identity::load(dir.path()).expect("readable").expect("there");
    assert_eq!(loaded.agent_id, "agt_1");
    assert_eq!(loaded.token_sha256, token_sha256(&SecretString::from("two")));
    assert_eq!(loaded.renew_at(), Some(Timestamp::from_unix_secs(60)));
    assert!(loaded.is_valid_at(Timestamp::from_unix_secs(60)) && !loaded.is_valid_at(Timestamp::from_unix_secs(91)));
    assert!(!format!("{loaded:?}").contains("cca_key"));
}

#[test]
fn a_damaged_identity_is_named_and_not_used() {
    let dir = tempfile::tempdir().expect("directory");
    let pending = Pending::begin(dir.path(), None).expect("request");
    let mut identity = answered(&pending, Timestamp::UNIX_EPOCH, Duration::from_secs(90));
    identity.key_pem = PrivateKey::generate(KeyKind::EcdsaP256).expect("key").to_pkcs8_pem().to_string();
    identity.store(dir.path()).expect("stored");
    let error = Identity::load(dir.path()).expect_err("damaged").to_string();
    assert!(error.contains("do not belong together") && error.contains("enrol again"), "{error}");
    std::fs::write(path(dir.path()), "{").expect("file");
    assert!(matches!(Identity::load(dir.path()), Err(IdentityError::Damaged { .. })));
}
