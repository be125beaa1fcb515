//! Authorities and templates for the tests of this room.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use crate::build::{IssuerRef, Kind, Template, Validity};
use crate::cert::{Certificate, ExtendedKeyUsage};
use crate::key::{KeyAlgorithm, KeyKind, PrivateKey};
use crate::name::Subject;
use crate::san::San;
use crate::serial::Serial;
use crate::time::Timestamp;

/// The tests' present: 2027-01-15T08:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// A CA with its key.
pub(crate) struct Authority {
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Certificate,
}

impl Authority {
    pub(crate) fn root(kind: KeyKind, name: &str) -> Self {
        let key = key(kind);
        let template = ca_template(&key, name, Some(1));
        let tbs = template.self_signed().expect("root");
        let signature = key.sign(tbs.der()).expect("sign");
        Self { certificate: tbs.finish(&signature).expect("root"), key }
    }

    pub(crate) fn below(&self, kind: KeyKind, name: &str, path_len: Option<u8>) -> Self {
        let key = key(kind);
        let certificate = self.issue(&ca_template(&key, name, path_len));
        Self { key, certificate }
    }

    pub(crate) fn issuer(&self) -> IssuerRef {
        IssuerRef::new(self.certificate.clone()).expect("a CA")
    }

    pub(crate) fn issue(&self, template: &Template) -> Certificate {
        let tbs = template.issued_by(&self.issuer()).expect("template");
        let signature = self.key.sign(tbs.der()).expect("sign");
        tbs.finish(&signature).expect("finish")
    }
}

/// Ten years from yesterday on.
pub(crate) fn ca_template(key: &PrivateKey, name: &str, path_len: Option<u8>) -> Template {
    Template {
        kind: Kind::Ca { path_len },
        serial: serial(name),
        subject: Subject::common_name(name).expect("name").with_organization("Example").expect("organization"),
        sans: vec![],
        public_key: key.public_key().clone(),
        validity: Validity::lasting(NOW - DAY, 3650 * DAY).expect("validity"),
        extended_key_usages: vec![],
        must_staple: false,
    }
}

/// A TLS server for these names, ninety days from now on.
pub(crate) fn leaf_template(key: &PrivateKey, names: &[&str]) -> Template {
    Template {
        kind: Kind::Leaf,
        serial: serial(&names.concat()),
        subject: Subject::empty(),
        sans: names.iter().map(|name| San::parse(name).expect(name)).collect(),
        public_key: key.public_key().clone(),
        validity: Validity::lasting(NOW, 90 * DAY).expect("validity"),
        extended_key_usages: vec![ExtendedKeyUsage::ServerAuth],
        must_staple: false,
    }
}

/// A key of this kind; fresh, but for RSA, which takes long to make.
pub(crate) fn key(kind: KeyKind) -> PrivateKey {
    static RSA: LazyLock<Mutex<BTreeMap<KeyKind, PrivateKey>>> = LazyLock::new(Mutex::default);
    let generate = || PrivateKey::generate(kind).expect("key");
    if kind.algorithm() != KeyAlgorithm::Rsa {
        return generate();
    }
    let mut made = RSA.lock().expect("no test panics while it makes a key");
    let der = made.entry(kind).or_insert_with(generate).to_pkcs8_der();
    PrivateKey::from_pkcs8_der(&der).expect("key")
}

pub(crate) fn p256() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).expect("key")
}

fn serial(seed: &str) -> Serial {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, seed.as_bytes());
    Serial::from_random::<16>(hash.as_ref()[..16].try_into().expect("16 octets"))
}
