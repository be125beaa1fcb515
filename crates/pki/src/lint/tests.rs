use der::asn1::{AnyRef, BitStringRef, IntRef, OctetString, OctetStringRef};
use der::{Decode, Encode};
use x509_cert::certificate::Version;
use x509_cert::ext::pkix;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::{Time, Validity};

use super::*;
use crate::asn1::{ExtensionRef, TbsCertificateRef};
use crate::build::{Kind, Template};
use crate::fixtures::{Authority, DAY, NOW, ca_template, leaf_template, p256};
use crate::key::{KeyKind, SignatureAlgorithm};
use crate::oid;

/// A well-formed certificate taken apart, so that a test can spoil one thing.
struct Draft {
    version: Version,
    serial: Vec<u8>,
    algorithm: SignatureAlgorithm,
    issuer: Vec<u8>,
    validity: Validity,
    subject: Vec<u8>,
    key: Vec<u8>,
    unique_id: bool,
    extensions: Vec<(const_oid::ObjectIdentifier, bool, Vec<u8>)>,
}

impl Draft {
    fn of(template: &Template, issuer: &Authority) -> Self {
        let tbs = template.issued_by(&issuer.issuer()).expect("template");
        let parsed = TbsCertificateRef::from_der(tbs.der()).expect("parse");
        let extensions = parsed.extensions.unwrap_or_default();
        Self {
            version: parsed.version,
            serial: parsed.serial_number.as_bytes().to_vec(),
            algorithm: tbs.signature_algorithm(),
            issuer: parsed.issuer.to_der().expect("encode"),
            validity: parsed.validity,
            subject: parsed.subject.to_der().expect("encode"),
            key: template.public_key.spki_der().to_vec(),
            unique_id: false,
            extensions: extensions
                .iter()
                .map(|one| (one.extn_id, one.critical, one.extn_value.as_bytes().to_vec()))
                .collect(),
        }
    }

    fn extension(&mut self, id: const_oid::ObjectIdentifier) -> &mut (const_oid::ObjectIdentifier, bool, Vec<u8>) {
        self.extensions.iter_mut().find(|extension| extension.0 == id).expect("there is one")
    }

    fn remove(&mut self, id: const_oid::ObjectIdentifier) {
        self.extensions.retain(|extension| extension.0 != id);
    }

    fn codes(&self, issuer: &Authority) -> Vec<&'static str> {
        let extensions = self.extensions.iter().map(|(id, critical, value)| ExtensionRef {
            extn_id: *id,
            critical: *critical,
            extn_value: OctetStringRef::new(value).expect("value"),
        });
        let der = TbsCertificateRef {
            version: self.version,
            serial_number: IntRef::new(&self.serial).expect("serial"),
            signature: self.algorithm.identifier(),
            issuer: AnyRef::try_from(self.issuer.as_slice()).expect("issuer"),
            validity: self.validity,
            subject: AnyRef::try_from(self.subject.as_slice()).expect("subject"),
            subject_public_key_info: AnyRef::try_from(self.key.as_slice()).expect("key"),
            issuer_unique_id: self.unique_id.then(|| BitStringRef::from_bytes(&[1]).expect("bits")),
            subject_unique_id: None,
            extensions: Some(extensions.collect()),
        }
        .to_der()
        .expect("encode");
        let (parsed, _) = Contents::parse(&der).expect("parse");
        contents(&parsed, Some(&issuer.issuer()), NOW).into_iter().map(|finding| finding.code).collect()
    }
}

/// What spoiling a good leaf for `a.example` leads to.
#[track_caller]
fn check_leaf(expected: &[&str], spoil: impl FnOnce(&mut Draft)) {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let mut draft = Draft::of(&leaf_template(&p256(), &["a.example"]), &root);
    assert_eq!(draft.codes(&root), [""; 0]);
    spoil(&mut draft);
    assert_eq!(draft.codes(&root), expected);
}

#[track_caller]
fn check_ca(expected: &[&str], spoil: impl FnOnce(&mut Draft)) {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let mut draft = Draft::of(&ca_template(&p256(), "Sub", Some(0)), &root);
    assert_eq!(draft.codes(&root), [""; 0]);
    spoil(&mut draft);
    assert_eq!(draft.codes(&root), expected);
}

fn general_names(names: Vec<GeneralName>) -> Vec<u8> {
    names.to_der().expect("encode")
}

fn dns(text: &str) -> GeneralName {
    GeneralName::DnsName(der::asn1::Ia5String::new(text).expect("IA5"))
}

fn at(seconds: u64, utc: bool) -> Time {
    let date = der::DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).expect("date");
    match utc {
        true => Time::UtcTime(der::asn1::UtcTime::from_date_time(date).expect("date")),
        false => Time::GeneralTime(der::asn1::GeneralizedTime::from_date_time(date)),
    }
}

#[test]
fn serial_version_and_unique_identifiers() {
    check_leaf(&["serial_length"], |draft| draft.serial = vec![1, 2, 3]);
    check_leaf(&["version"], |draft| draft.version = Version::V1);
    check_leaf(&["unique_ids"], |draft| draft.unique_id = true);
}

#[test]
fn signature_must_fit_the_issuer() {
    check_leaf(&["signature_algorithm"], |draft| draft.algorithm = SignatureAlgorithm::RsaSha256);
}

#[test]
fn names_of_issuer_and_subject() {
    check_leaf(&["issuer_name", "issuer_empty"], |draft| draft.issuer = vec![0x30, 0]);
    check_ca(&["subject_empty", "nameless"], |draft| draft.subject = vec![0x30, 0]);
}

#[test]
fn validity_lies_in_the_issuers_and_is_well_encoded() {
    let now = u64::try_from(NOW.unix_secs()).expect("after 1970");
    let day = DAY.as_secs();
    check_leaf(&["outlives_issuer"], |draft| draft.validity.not_after = at(now + 4000 * day, true));
    check_leaf(&["precedes_issuer"], |draft| draft.validity.not_before = at(now - 2 * day, true));
    check_leaf(&["validity_over"], |draft| {
        draft.validity.not_before = at(now - day, true);
        draft.validity.not_after = at(now - 1, true);
    });
    check_leaf(&["validity_order"], |draft| draft.validity.not_before = at(now + 91 * day, true));
    check_leaf(&["validity_encoding"], |draft| draft.validity.not_after = at(now + day, false));
}

#[test]
fn alternative_names() {
    let set = |names: Vec<GeneralName>| {
        move |draft: &mut Draft| draft.extension(oid::SUBJECT_ALT_NAME).2 = general_names(names)
    };
    check_leaf(&["san_critical"], |draft| draft.extension(oid::SUBJECT_ALT_NAME).1 = false);
    check_leaf(&["nameless", "server_without_name"], |draft| draft.remove(oid::SUBJECT_ALT_NAME));
    check_leaf(&["san_empty", "server_without_name"], set(vec![]));
    check_leaf(&["san_order"], set(vec![dns("b.example"), dns("a.example")]));
    check_leaf(&["san_order"], set(vec![dns("a.example"), dns("a.example")]));
    check_leaf(&["san_form"], set(vec![dns("a_b.example")]));
    check_leaf(&["san_form"], set(vec![dns("192.0.2.1")]));
    check_leaf(&["san_form"], set(vec![dns("spiffe://a/b")]));
    let id = const_oid::ObjectIdentifier::new_unwrap("1.2.3.4");
    check_leaf(&["san_kind"], set(vec![dns("a.example"), GeneralName::RegisteredId(id)]));
}

#[test]
fn keys_and_their_identifiers() {
    check_leaf(&["subject_key_id"], |draft| draft.remove(oid::SUBJECT_KEY_ID));
    check_leaf(&["subject_key_id"], |draft| {
        draft.extension(oid::SUBJECT_KEY_ID).2 =
            OctetString::new(vec![0xe3, 0xb0, 0xc4, 0x42]).and_then(|id| id.to_der()).expect("id");
    });
    check_leaf(&["authority_key_id"], |draft| draft.remove(oid::AUTHORITY_KEY_ID));
    check_leaf(&["key_id_critical"], |draft| draft.extension(oid::AUTHORITY_KEY_ID).1 = true);
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let draft = Draft::of(&leaf_template(&root.key, &["a.example"]), &root);
    assert_eq!(draft.codes(&root), ["key_of_issuer"]);
}

#[test]
fn basic_constraints_of_cas_and_leaves() {
    let constraints =
        |ca, path_len| pkix::BasicConstraints { ca, path_len_constraint: path_len }.to_der().expect("encode");
    check_ca(&["basic_constraints_critical"], |draft| draft.extension(oid::BASIC_CONSTRAINTS).1 = false);
    check_ca(&["path_len"], |draft| draft.extension(oid::BASIC_CONSTRAINTS).2 = constraints(true, Some(1)));
    check_ca(&["path_len"], |draft| draft.extension(oid::BASIC_CONSTRAINTS).2 = constraints(true, None));
    check_leaf(&["path_len"], |draft| {
        draft.extensions.push((oid::BASIC_CONSTRAINTS, true, constraints(false, Some(0))))
    });
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let last = root.below(KeyKind::EcdsaP256, "Last", Some(0));
    assert_eq!(Draft::of(&ca_template(&p256(), "Below", Some(0)), &last).codes(&last), ["path_len"]);
}

#[test]
fn key_usage_fits_key_and_kind() {
    use pkix::{KeyUsage, KeyUsages as Bit};
    let set = |bits: der::flagset::FlagSet<Bit>| {
        move |draft: &mut Draft| draft.extension(oid::KEY_USAGE).2 = KeyUsage(bits).to_der().expect("encode")
    };
    check_leaf(&["key_usage"], |draft| draft.remove(oid::KEY_USAGE));
    check_leaf(&["key_usage_critical"], |draft| draft.extension(oid::KEY_USAGE).1 = false);
    check_leaf(&["key_usage_key"], set(Bit::DigitalSignature | Bit::KeyEncipherment));
    check_leaf(&["key_usage_leaf"], set(Bit::KeyAgreement.into()));
    check_leaf(&["key_usage_leaf"], set(Bit::DigitalSignature | Bit::KeyCertSign));
    check_ca(&["key_usage_ca"], set(Bit::KeyCertSign.into()));
}

#[test]
fn purposes_are_explicit_and_time_stamping_stands_alone() {
    let set = |ids: Vec<const_oid::ObjectIdentifier>, critical| {
        move |draft: &mut Draft| {
            let extension = draft.extension(oid::EXTENDED_KEY_USAGE);
            *extension = (extension.0, critical, pkix::ExtendedKeyUsage(ids).to_der().expect("encode"));
        }
    };
    let any = const_oid::ObjectIdentifier::new_unwrap("2.5.29.37.0");
    check_leaf(&["purposes_missing"], |draft| draft.remove(oid::EXTENDED_KEY_USAGE));
    check_leaf(&["purposes_unknown"], set(vec![oid::SERVER_AUTH, any], false));
    check_leaf(&["purposes_critical"], set(vec![oid::SERVER_AUTH], true));
    check_leaf(&["purposes_critical"], set(vec![oid::TIME_STAMPING], false));
    check_leaf(&["time_stamping_alone"], set(vec![oid::TIME_STAMPING, oid::SERVER_AUTH], true));
}

#[test]
fn other_extensions_are_not_written_by_accident() {
    let unknown = const_oid::ObjectIdentifier::new_unwrap("1.2.3.4");
    check_leaf(&["extension_unknown"], |draft| draft.extensions.push((unknown, false, vec![5, 0])));
    check_leaf(&["name_constraints"], |draft| draft.extensions.push((oid::NAME_CONSTRAINTS, true, vec![0x30, 0])));
    check_ca(&["name_constraints"], |draft| draft.extensions.push((oid::NAME_CONSTRAINTS, false, vec![0x30, 0])));
    check_leaf(&[], |draft| draft.extensions.push((oid::NO_REV_AVAIL, false, vec![5, 0])));
    check_ca(&["no_rev_avail"], |draft| draft.extensions.push((oid::NO_REV_AVAIL, false, vec![5, 0])));
    check_leaf(&["no_rev_avail"], |draft| {
        draft.extensions.push((oid::NO_REV_AVAIL, false, vec![5, 0]));
        draft.extensions.push((oid::AUTHORITY_INFO_ACCESS, false, vec![0x30, 0]));
    });
    check_leaf(&["tls_feature"], |draft| draft.extensions.push((oid::TLS_FEATURE, true, vec![0x30, 3, 2, 1, 5])));
    check_leaf(&["tls_feature"], |draft| draft.extensions.push((oid::TLS_FEATURE, false, vec![0x30, 3, 2, 1, 17])));
    check_leaf(&[], |draft| draft.extensions.push((oid::TLS_FEATURE, false, vec![0x30, 3, 2, 1, 5])));
}

#[test]
fn errors_forbid_and_warnings_do_not() {
    let finding = |severity| Finding { severity, code: "x", message: String::new() };
    assert!(!forbids(&[]));
    assert!(!forbids(&[finding(Severity::Warning)]));
    assert!(forbids(&[finding(Severity::Warning), finding(Severity::Error)]));
}

#[test]
fn a_self_signed_ca_passes() {
    let key = p256();
    let tbs = ca_template(&key, "Root", None).self_signed().expect("template");
    assert_eq!(check(&tbs, NOW), []);
    assert!(matches!(ca_template(&key, "Root", None).kind, Kind::Ca { path_len: None }));
}
