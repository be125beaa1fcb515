use super::*;
use crate::chain;
use crate::csr::Csr;
use crate::key::{KeyKind, PrivateKey};
use crate::lint;

const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn serial(fill: u8) -> Serial {
    Serial::from_random([fill; 16])
}

fn ca(kind: KeyKind, name: &str, path_len: u8) -> (PrivateKey, Template) {
    let key = PrivateKey::generate(kind).expect("key");
    let template = Template {
        kind: Kind::Ca { path_len: Some(path_len) },
        serial: serial(path_len + 1),
        subject: Subject::common_name(name).expect("name"),
        sans: vec![],
        public_key: key.public_key().clone(),
        validity: Validity::lasting(NOW - DAY, 3650 * DAY).expect("validity"),
        extended_key_usages: vec![],
        must_staple: false,
    };
    (key, template)
}

#[test]
fn a_chain_of_three_is_made_linted_and_validated() {
    let (root_key, root) = ca(KeyKind::EcdsaP384, "Root", 1);
    let tbs = root.self_signed().expect("tbs");
    assert_eq!(lint::check(&tbs, NOW), []);
    let signature = root_key.sign(tbs.der()).expect("sign");
    let root = tbs.finish(&signature).expect("root");
    root.verify_issued_by(&root).expect("self-signed");

    let (issuing_key, issuing) = ca(KeyKind::EcdsaP256, "Issuing", 0);
    let tbs = issuing.issued_by(&IssuerRef::new(root.clone()).expect("ca")).expect("tbs");
    assert_eq!(lint::check(&tbs, NOW), []);
    let issuing = tbs.clone().finish(&root_key.sign(tbs.der()).expect("sign")).expect("issuing");
    let issuer = IssuerRef::new(issuing.clone()).expect("ca");

    let leaf_key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let names = [San::parse("b.example").expect("name"), San::parse("a.example").expect("name")];
    let csr = Csr::build(&leaf_key, Some("a.example"), &names).expect("csr");
    let template = Template {
        kind: Kind::Leaf,
        serial: serial(9),
        subject: Subject::empty(),
        sans: csr.sans().to_vec(),
        public_key: csr.public_key().clone(),
        validity: Validity::lasting(NOW, DAY).expect("validity"),
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
        must_staple: true,
    };
    let tbs = template.issued_by(&issuer).expect("tbs");
    assert_eq!(lint::check(&tbs, NOW), []);
    let leaf = tbs.clone().finish(&issuing_key.sign(tbs.der()).expect("sign")).expect("leaf");
    assert_eq!(Certificate::parse_der(leaf.der()).expect("parse"), leaf);
    chain::validate(&leaf, &[issuing], &[root], NOW, ExtendedKeyUsage::ServerAuth).expect("valid");
}
