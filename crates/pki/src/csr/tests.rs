use der::asn1::{AnyRef, BitString, BitStringRef, Ia5String, OctetString, SetOfVec, Utf8StringRef};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::attr::{Attribute, AttributeTypeAndValue};
use x509_cert::ext::pkix::name::OtherName;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::request::Version;

use super::*;
use crate::asn1::SignedRef;
use crate::fixtures::{self, p256};
use crate::key::{KeyKind, PrivateKey};

/// A request put together by hand, so that a test can spoil one thing before it is signed.
struct Draft {
    key: PrivateKey,
    spki: Vec<u8>,
    subject: RdnSequence,
    attributes: SetOfVec<Attribute>,
}

impl Draft {
    fn new() -> Self {
        let key = p256();
        let spki = key.public_key().spki_der().to_vec();
        Self { key, spki, subject: RdnSequence::default(), attributes: SetOfVec::new() }
    }

    fn with_names(names: Vec<GeneralName>) -> Self {
        Self::with_extensions(vec![extension(oid::SUBJECT_ALT_NAME, &names)])
    }

    fn with_extensions(extensions: Vec<Extension>) -> Self {
        let mut draft = Self::new();
        draft.ask(oid::EXTENSION_REQUEST, &extensions);
        draft
    }

    fn ask(&mut self, id: const_oid::ObjectIdentifier, value: &impl Encode) {
        let value = Any::from_der(&value.to_der().expect("encode")).expect("any");
        let values = SetOfVec::try_from(vec![value]).expect("one value");
        self.attributes.insert(Attribute { oid: id, values }).expect("distinct");
    }

    fn common_name(mut self, text: &str) -> Self {
        let value = Any::encode_from(&Utf8StringRef::new(text).expect("text")).expect("any");
        let attribute = AttributeTypeAndValue { oid: oid::COMMON_NAME, value };
        self.subject.0.push(RelativeDistinguishedName(SetOfVec::try_from(vec![attribute]).expect("one")));
        self
    }

    fn info(&self) -> Vec<u8> {
        CertReqInfo {
            version: Version::V1,
            subject: self.subject.clone(),
            public_key: SubjectPublicKeyInfoOwned::from_der(&self.spki).expect("key"),
            attributes: self.attributes.clone(),
        }
        .to_der()
        .expect("encode")
    }

    fn parse(&self) -> Result<Csr, CsrError> {
        Csr::parse_der(&self.signed(&self.info()))
    }

    fn signed(&self, info: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(info).expect("sign");
        frame(info, &self.key.signature_algorithm().identifier(), &signature)
    }
}

fn frame(info: &[u8], algorithm: &spki::AlgorithmIdentifierRef<'_>, signature: &[u8]) -> Vec<u8> {
    let contents = AnyRef::try_from(info).expect("any");
    let signature = BitStringRef::from_bytes(signature).expect("bits");
    SignedRef { contents, algorithm: *algorithm, signature }.to_der().expect("encode")
}

fn extension(id: const_oid::ObjectIdentifier, value: &impl Encode) -> Extension {
    let extn_value = OctetString::new(value.to_der().expect("encode")).expect("octets");
    Extension { extn_id: id, critical: false, extn_value }
}

fn text(text: &str) -> Ia5String {
    Ia5String::new(text).expect("IA5")
}

#[test]
fn a_request_made_here_is_read_here() {
    for kind in KeyKind::ALL {
        let key = fixtures::key(kind);
        let names: Vec<San> = ["b.example", "a.example", "192.0.2.1", "2001:db8::1", "x@a.example", "spiffe://a/b"]
            .map(|name| San::parse(name).expect(name))
            .to_vec();
        let csr = Csr::build(&key, Some("a.example"), &names).expect("build");
        assert_eq!(csr.common_name(), Some("a.example"));
        assert_eq!(csr.sans(), San::normalize(names));
        assert_eq!((csr.public_key(), csr.key_kind()), (key.public_key(), kind));
        assert_eq!(Csr::parse_pem(&csr.to_pem()).as_ref(), Ok(&csr));
        assert_eq!(Csr::parse_pem(&csr.to_pem()).map(|again| again.sha256()), Ok(csr.sha256()));
        assert_eq!(csr.other_extensions(), [""; 0]);
    }
    let bare = Csr::build(&p256(), None, &[]).expect("build");
    assert_eq!((bare.common_name(), bare.sans()), (None, &[][..]));
}

#[test]
fn the_old_label_and_text_around_are_accepted() {
    let csr = Csr::build(&p256(), None, &[]).expect("build");
    let old = csr.to_pem().replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    assert_eq!(Csr::parse_pem(&format!("Certificate Request:\n{old}\n")).as_ref(), Ok(&csr));
    assert!(matches!(Csr::parse_pem(&csr.to_pem().repeat(2)), Err(CsrError::Pem(PemError::Several { .. }))));
    assert!(matches!(Csr::parse_pem("hello"), Err(CsrError::Pem(PemError::Empty { .. }))));
    assert!(matches!(
        Csr::parse_pem(&csr.to_pem().replace(" REQUEST", "")),
        Err(CsrError::Pem(PemError::Label { .. }))
    ));
}

#[test]
fn bytes_that_are_cut_added_or_changed_are_refused() {
    let csr = Csr::build(&p256(), Some("a.example"), &[San::dns("a.example").expect("name")]).expect("build");
    let der = csr.der();
    for length in 0..der.len() {
        assert!(Csr::parse_der(&der[..length]).is_err(), "{length}");
    }
    assert!(Csr::parse_der(&[der, &[0]].concat()).is_err());
    for at in 0..der.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut changed = der.to_vec();
            changed[at] ^= flip;
            assert!(Csr::parse_der(&changed).is_err(), "byte {at}");
        }
    }
}

#[test]
fn possession_is_proved() {
    let mut draft = Draft::new();
    draft.spki = p256().public_key().spki_der().to_vec();
    assert_eq!(draft.parse(), Err(CsrError::ProofOfPossession));
}

#[test]
fn sizes_are_bounded() {
    let many = |count: usize| (0..count).map(|n| GeneralName::DnsName(text(&format!("h{n}.example")))).collect();
    assert_eq!(Draft::with_names(many(100)).parse().map(|csr| csr.sans().len()), Ok(100));
    assert_eq!(Draft::with_names(many(101)).parse(), Err(CsrError::TooManyNames { count: 101, limit: 100 }));
    let mut draft = Draft::new();
    draft.ask(const_oid::ObjectIdentifier::new_unwrap("1.2.3.4"), &OctetString::new(vec![0; 33_000]).expect("octets"));
    assert!(matches!(draft.parse(), Err(CsrError::TooLarge { limit: 32_768, .. })));
}

#[test]
fn weak_keys_and_signatures_are_told_apart() {
    let mut draft = Draft::new();
    let p521 = AlgorithmIdentifierOwned {
        oid: oid::EC_PUBLIC_KEY,
        parameters: Some(Any::encode_from(&oid::P521).expect("oid")),
    };
    let bits = BitString::from_bytes(&[4; 133]).expect("bits");
    draft.spki = SubjectPublicKeyInfoOwned { algorithm: p521, subject_public_key: bits }.to_der().expect("encode");
    assert!(matches!(draft.parse(), Err(CsrError::WeakKey(Weakness::Curve { .. }))));

    let draft = Draft::new();
    let with = |oid| {
        let info = draft.info();
        let signature = draft.key.sign(&info).expect("sign");
        Csr::parse_der(&frame(&info, &spki::AlgorithmIdentifierRef { oid, parameters: None }, &signature))
    };
    for (oid, algorithm) in [
        (oid::RSA_SHA1, "SHA-1 with RSA"),
        (oid::ECDSA_SHA1, "SHA-1 with ECDSA"),
        (oid::RSA_MD5, "MD5 with RSA"),
        (oid::RSA_MD2, "MD2 with RSA"),
    ] {
        assert_eq!(with(oid), Err(CsrError::BrokenSignatureAlgorithm { algorithm }));
    }
    let unknown = const_oid::ObjectIdentifier::new_unwrap("1.2.3.4");
    assert_eq!(with(unknown), Err(CsrError::SignatureAlgorithm { algorithm: "1.2.3.4".to_owned() }));
    assert_eq!(with(oid::ED25519), Err(CsrError::ProofOfPossession));
    assert!(with(oid::ECDSA_SHA256).is_ok());
}

#[test]
fn every_kind_of_name_is_taken_or_refused() {
    let any = Any::null();
    let unsupported = |index, kind| Err(CsrError::UnsupportedName { index, kind });
    let dns = || GeneralName::DnsName(text("a.example"));
    let oid = const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");
    let upn = GeneralName::OtherName(OtherName { type_id: oid, value: any });
    assert_eq!(Draft::with_names(vec![dns(), upn]).parse(), unsupported(1, "otherName"));
    assert_eq!(Draft::with_names(vec![GeneralName::RegisteredId(oid)]).parse(), unsupported(0, "registeredID"));
    let directory = GeneralName::DirectoryName(RdnSequence::default());
    assert_eq!(Draft::with_names(vec![directory]).parse(), unsupported(0, "directoryName"));
    let short = GeneralName::IpAddress(OctetString::new(vec![1, 2, 3]).expect("octets"));
    assert!(matches!(Draft::with_names(vec![short]).parse(), Err(CsrError::Encoding { .. })));
    assert!(matches!(Draft::with_names(vec![]).parse(), Err(CsrError::Encoding { .. })));
    let bad = GeneralName::DnsName(text("a_b.example"));
    let error = NameError::Underscore { position: 1 };
    assert_eq!(Draft::with_names(vec![dns(), bad]).parse(), Err(CsrError::Name { index: 1, error }));
    let uri_as_dns = GeneralName::DnsName(text("spiffe://a/b"));
    assert!(matches!(Draft::with_names(vec![uri_as_dns]).parse(), Err(CsrError::Name { .. })));
}

#[test]
fn other_extensions_are_recorded_and_doubles_refused() {
    let names = || extension(oid::SUBJECT_ALT_NAME, &vec![GeneralName::DnsName(text("a.example"))]);
    let constraints = x509_cert::ext::pkix::BasicConstraints { ca: true, path_len_constraint: None };
    let ca = || extension(oid::BASIC_CONSTRAINTS, &constraints);
    let csr = Draft::with_extensions(vec![names(), ca()]).parse().expect("accepted");
    assert_eq!(csr.other_extensions(), ["2.5.29.19"]);
    assert_eq!(csr.sans().len(), 1);
    assert!(matches!(Draft::with_extensions(vec![names(), names()]).parse(), Err(CsrError::Twice { .. })));
    let mut draft = Draft::with_extensions(vec![names()]);
    draft.ask(oid::MS_EXTENSION_REQUEST, &vec![ca()]);
    assert!(matches!(draft.parse(), Err(CsrError::Twice { .. })));
    let mut draft = Draft::new();
    draft.ask(oid::MS_EXTENSION_REQUEST, &vec![names()]);
    assert_eq!(draft.parse().map(|csr| csr.sans().len()), Ok(1));
}

#[test]
fn common_names_are_shown_but_not_with_invisible_characters() {
    let draft = Draft::new().common_name("first").common_name("last ☕");
    assert_eq!(draft.parse().expect("accepted").common_name(), Some("last ☕"));
    let hidden = Draft::new().common_name("a\u{202e}b").parse();
    assert_eq!(hidden, Err(CsrError::CommonName(NameError::Bidi { code: 0x202e, position: 1 })));
    assert!(matches!(Csr::build(&p256(), Some(&"x".repeat(65)), &[]), Err(CsrError::CommonName(_))));
}

#[test]
fn explicit_defaults_are_ber() {
    // critical FALSE spelled out inside the extension request: valid BER, not DER.
    let names = vec![GeneralName::DnsName(text("a.example"))].to_der().expect("encode");
    let id = oid::SUBJECT_ALT_NAME.to_der().expect("encode");
    let value = OctetString::new(names).expect("octets").to_der().expect("encode");
    let body = [id.as_slice(), &[0x01, 0x01, 0x00], &value].concat();
    let sequence = |body: &[u8]| AnyRef::new(der::Tag::Sequence, body).expect("any").to_der().expect("encode");
    let mut draft = Draft::new();
    let extensions = sequence(&sequence(&body));
    draft.ask(oid::EXTENSION_REQUEST, &Any::from_der(&extensions).expect("any"));
    assert!(matches!(draft.parse(), Err(CsrError::Encoding { detail }) if detail.contains("BER")));
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_a_request_or_an_error(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = Csr::parse_der(&bytes);
        let _ = Csr::parse_pem(&String::from_utf8_lossy(&bytes));
    }
}
