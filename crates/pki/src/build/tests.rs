use super::*;
use crate::cert::Extension;
use crate::fixtures::{self, Authority, DAY, NOW, ca_template, leaf_template, p256};
use crate::key::KeyKind;
use crate::lint;

/// What a certificate's key usage and extended key usage say, in words.
fn usages(certificate: &Certificate) -> String {
    let usage = certificate.key_usage().expect("key usage");
    let bits = [
        (usage.digital_signature, "digitalSignature"),
        (usage.content_commitment, "contentCommitment"),
        (usage.key_encipherment, "keyEncipherment"),
        (usage.data_encipherment, "dataEncipherment"),
        (usage.key_agreement, "keyAgreement"),
        (usage.key_cert_sign, "keyCertSign"),
        (usage.crl_sign, "cRLSign"),
    ];
    let bits: Vec<&str> = bits.into_iter().filter_map(|(set, name)| set.then_some(name)).collect();
    let purposes: Vec<&str> = certificate.extended_key_usages().iter().map(|usage| usage.as_str()).collect();
    format!("{} | {}", bits.join(" "), purposes.join(" "))
}

#[test]
fn what_is_built_says_what_the_template_says() {
    let root = Authority::root(KeyKind::EcdsaP384, "Root");
    let key = p256();
    let mut template = leaf_template(&key, &["b.example", "192.0.2.1", "a.example", "a.example"]);
    template.must_staple = true;
    let leaf = root.issue(&template);
    assert_eq!(leaf.serial(), &template.serial);
    assert_eq!(leaf.sans(), San::normalize(template.sans.clone()));
    assert_eq!(leaf.public_key(), key.public_key());
    assert_eq!((leaf.not_before(), leaf.not_after()), (NOW, NOW + 90 * DAY - Duration::from_secs(1)));
    assert_eq!(leaf.subject_key_id(), Some(&key.public_key().key_identifier()[..]));
    assert_eq!(leaf.authority_key_id(), root.certificate.subject_key_id());
    assert_eq!(leaf.issuer(), "CN=Root,O=Example");
    assert_eq!((leaf.subject().as_str(), leaf.common_name()), ("", None));
    assert!(leaf.must_staple() && !leaf.is_ca());
    assert_eq!(leaf.path_len(), None);
    leaf.verify_issued_by(&root.certificate).expect("signed by the root");
    assert!(root.certificate.is_self_issued() && root.certificate.is_ca());
    assert_eq!(root.certificate.path_len(), Some(1));
    assert_eq!(Certificate::parse_pem(&leaf.to_pem()).as_ref(), Ok(&leaf));
    assert_eq!(Certificate::parse_der(leaf.der()).map(|again| again.fingerprint()), Ok(leaf.fingerprint()));
}

#[test]
fn key_usage_follows_key_and_purpose() {
    use ExtendedKeyUsage as For;
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let keys = [KeyKind::EcdsaP256, KeyKind::Rsa2048, KeyKind::Ed25519].map(fixtures::key);
    let table = [
        (vec![For::ServerAuth], "digitalSignature | serverAuth", "digitalSignature keyEncipherment | serverAuth"),
        (vec![For::ClientAuth], "digitalSignature | clientAuth", "digitalSignature | clientAuth"),
        (
            vec![For::ClientAuth, For::ServerAuth],
            "digitalSignature | serverAuth clientAuth",
            "digitalSignature keyEncipherment | serverAuth clientAuth",
        ),
        (vec![For::CodeSigning], "digitalSignature | codeSigning", "digitalSignature | codeSigning"),
        (
            vec![For::EmailProtection],
            "digitalSignature contentCommitment | emailProtection",
            "digitalSignature contentCommitment keyEncipherment | emailProtection",
        ),
        (vec![For::TimeStamping], "digitalSignature | timeStamping", "digitalSignature | timeStamping"),
        (vec![For::OcspSigning], "digitalSignature | ocspSigning", "digitalSignature | ocspSigning"),
    ];
    for (purposes, curve, rsa) in table {
        for (key, expected) in keys.iter().zip([curve, rsa, curve]) {
            let template = Template { extended_key_usages: purposes.clone(), ..leaf_template(key, &["a.example"]) };
            let tbs = template.issued_by(&root.issuer()).expect("template");
            assert_eq!(lint::check(&tbs, NOW), []);
            assert_eq!(usages(&root.issue(&template)), expected);
        }
    }
    assert_eq!(usages(&root.certificate), "keyCertSign cRLSign | ");
}

#[test]
fn criticality_follows_the_standards() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let key = p256();
    let critical = |template: &Template| -> Vec<String> {
        let certificate = root.issue(template);
        certificate.extensions().iter().filter(|extension| extension.critical).map(Extension::oid).collect()
    };
    let mut template = leaf_template(&key, &["a.example"]);
    assert_eq!(critical(&template), ["2.5.29.15", "2.5.29.17"]);
    template.subject = Subject::common_name("a.example").expect("name");
    assert_eq!(critical(&template), ["2.5.29.15"]);
    template.extended_key_usages = vec![ExtendedKeyUsage::TimeStamping];
    assert_eq!(critical(&template), ["2.5.29.15", "2.5.29.37"]);
    assert_eq!(critical(&ca_template(&key, "Sub", Some(0))), ["2.5.29.19", "2.5.29.15"]);
}

#[test]
fn dates_change_their_encoding_in_2050() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let key = p256();
    let edge = Timestamp::parse_rfc3339("2049-12-31T23:59:59Z").expect("time");
    for (end, tag) in [(edge, 0x17_u8), (edge + Duration::from_secs(1), 0x18), (Timestamp::MAX, 0x18)] {
        let mut template = leaf_template(&key, &["a.example"]);
        template.validity = Validity::new(NOW, end).expect("validity");
        let leaf = root.issue(&template);
        assert_eq!(leaf.not_after(), end.floor_second());
        let text = if tag == 0x17 { &b"\x17\x0d491231235959Z"[..] } else { &b"\x18\x0f"[..] };
        assert!(leaf.der().windows(text.len()).any(|window| window == text), "{end}");
    }
}

#[test]
fn serials_with_the_top_bit_or_leading_zeros_survive() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let key = p256();
    for hex in
        ["80ffffffffffffff", "0001020304050607ff", "7fffffffffffffffffffffffffffffffffffffff", "0fffffffffffffffff"]
    {
        let serial = Serial::from_hex(hex).expect(hex);
        let leaf = root.issue(&Template { serial: serial.clone(), ..leaf_template(&key, &["a.example"]) });
        assert_eq!(leaf.serial(), &serial, "{hex}");
        assert_eq!(Certificate::parse_der(leaf.der()).expect("parse").serial(), &serial, "{hex}");
    }
}

#[test]
fn contradictions_are_refused() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let key = p256();
    let good = leaf_template(&key, &["a.example"]);
    let refused = |template: Template| template.issued_by(&root.issuer()).map(|_| ()).expect_err("refused");
    assert_eq!(refused(Template { sans: vec![], ..good.clone() }), BuildError::Nameless);
    assert_eq!(refused(Template { extended_key_usages: vec![], ..good.clone() }), BuildError::Purposeless);
    let mixed = vec![ExtendedKeyUsage::TimeStamping, ExtendedKeyUsage::ServerAuth];
    assert_eq!(refused(Template { extended_key_usages: mixed, ..good.clone() }), BuildError::TimeStampingNotAlone);
    let not_ascii = vec![San::Dns("bücher.example".to_owned())];
    assert!(matches!(refused(Template { sans: not_ascii, ..good }), BuildError::Encoding { .. }));
    assert!(matches!(Validity::new(NOW, NOW - DAY), Err(BuildError::Validity { .. })));
    assert!(Validity::lasting(NOW, Duration::from_millis(900)).is_err());
    assert!(Validity::lasting(NOW, Duration::from_secs(1)).is_ok());
}

#[test]
fn only_a_ca_can_be_an_issuer() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let leaf = root.issue(&leaf_template(&p256(), &["a.example"]));
    assert!(matches!(IssuerRef::new(leaf), Err(BuildError::Issuer { .. })));
    assert!(root.issuer().check_key(root.key.public_key()).is_ok());
    assert!(matches!(root.issuer().check_key(p256().public_key()), Err(BuildError::Issuer { .. })));
}

#[test]
fn validity_is_cut_to_the_issuers() {
    let span = |from: i32, to: i32| {
        let at = |days: i32| if days < 0 { NOW - days.unsigned_abs() * DAY } else { NOW + days.unsigned_abs() * DAY };
        Validity::new(at(from), at(to)).expect("validity")
    };
    assert_eq!(span(-2, 5).within(span(-1, 9)), Some(span(-1, 5)));
    assert_eq!(span(-2, 50).within(span(-3, 9)), Some(span(-2, 9)));
    assert_eq!(span(1, 2).within(span(5, 9)), None);
}
