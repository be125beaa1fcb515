//! What one issuance costs in this room, step by step: `cargo bench -p certctl-pki`.

use std::time::Duration;

use certctl_pki::build::{Kind, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{
    Certificate, Csr, ExtendedKeyUsage, IssuerRef, KeyKind, PrivateKey, San, Serial, Template, Timestamp, lint,
};
use divan::{Bencher, black_box};

const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn main() {
    divan::main();
}

struct Setup {
    key: PrivateKey,
    issuer: IssuerRef,
    csr: Csr,
    template: Template,
}

fn setup(kind: KeyKind) -> Setup {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let names = ["a.example", "*.a.example"].map(|name| San::parse(name).expect(name));
    let csr = Csr::build(&PrivateKey::generate(kind).expect("key"), None, &names).expect("request");
    let template = Template {
        kind: Kind::Leaf,
        serial: Serial::from_random([7; 16]),
        subject: Subject::empty(),
        sans: csr.sans().to_vec(),
        public_key: csr.public_key().clone(),
        validity: Validity::lasting(NOW, 90 * DAY).expect("validity"),
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
        must_staple: false,
    };
    let root = Template {
        kind: Kind::Ca { path_len: Some(0) },
        subject: Subject::common_name("CA").expect("name"),
        sans: vec![],
        public_key: key.public_key().clone(),
        validity: Validity::lasting(NOW, 3650 * DAY).expect("validity"),
        extended_key_usages: vec![],
        ..template.clone()
    };
    let tbs = root.self_signed().expect("template");
    let signature = key.sign(tbs.der()).expect("sign");
    let issuer = IssuerRef::new(tbs.finish(&signature).expect("finish")).expect("a CA");
    Setup { key, issuer, csr, template }
}

impl Setup {
    fn issue(&self) -> Certificate {
        let csr = Csr::parse_pem(&self.csr.to_pem()).expect("request");
        let template =
            Template { public_key: csr.public_key().clone(), sans: csr.sans().to_vec(), ..self.template.clone() };
        let tbs = template.issued_by(&self.issuer).expect("template");
        assert!(lint::check(&tbs, NOW).is_empty());
        let signature = self.key.sign(tbs.der()).expect("sign");
        tbs.finish(&signature).expect("finish")
    }
}

#[divan::bench]
fn whole_issuance(bencher: Bencher) {
    let setup = setup(KeyKind::EcdsaP256);
    bencher.bench(|| setup.issue());
}

#[divan::bench(args = [KeyKind::EcdsaP256, KeyKind::Rsa2048, KeyKind::Rsa4096, KeyKind::Ed25519])]
fn request_parse(bencher: Bencher, kind: KeyKind) {
    let setup = setup(kind);
    bencher.bench(|| Csr::parse_der(black_box(setup.csr.der())).expect("request"));
}

#[divan::bench]
fn build(bencher: Bencher) {
    let setup = setup(KeyKind::EcdsaP256);
    bencher.bench(|| setup.template.issued_by(&setup.issuer).expect("template"));
}

#[divan::bench]
fn lint_check(bencher: Bencher) {
    let setup = setup(KeyKind::EcdsaP256);
    let tbs = setup.template.issued_by(&setup.issuer).expect("template");
    bencher.bench(|| lint::check(black_box(&tbs), NOW));
}

#[divan::bench]
fn sign(bencher: Bencher) {
    let setup = setup(KeyKind::EcdsaP256);
    let tbs = setup.template.issued_by(&setup.issuer).expect("template");
    bencher.bench(|| setup.key.sign(black_box(tbs.der())).expect("sign"));
}

#[divan::bench]
fn verify(bencher: Bencher) {
    let setup = setup(KeyKind::EcdsaP256);
    let certificate = setup.issue();
    bencher.bench(|| certificate.verify_issued_by(setup.issuer.certificate()));
}

#[divan::bench]
fn certificate_parse(bencher: Bencher) {
    let certificate = setup(KeyKind::EcdsaP256).issue();
    bencher.bench(|| Certificate::parse_der(black_box(certificate.der())).expect("certificate"));
}

#[divan::bench(args = [KeyKind::Rsa2048, KeyKind::Rsa4096])]
fn weakness(bencher: Bencher, kind: KeyKind) {
    let key = setup(kind).csr.public_key().clone();
    bencher.bench(|| black_box(&key).weakness());
}
