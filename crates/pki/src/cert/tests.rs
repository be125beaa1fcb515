use super::*;
use crate::fixtures::{Authority, leaf_template, p256};
use crate::key::KeyKind;
use crate::pem::{split_certificates, to_pem_chain};

#[test]
fn chains_are_split_and_joined() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let issuing = root.below(KeyKind::EcdsaP256, "Issuing", Some(0));
    let chain = [issuing.issue(&leaf_template(&p256(), &["a.example"])), issuing.certificate, root.certificate];
    let text = to_pem_chain(&chain);
    assert_eq!(split_certificates(&text), Ok(chain.to_vec()));
    assert_eq!(split_certificates(&text.replace('\n', "\r\n")), Ok(chain.to_vec()));
    assert!(matches!(Certificate::parse_pem(&text), Err(CertificateError::Pem(PemError::Several { .. }))));
    assert!(matches!(split_certificates(""), Err(CertificateError::Pem(PemError::Empty { .. }))));
    let with_key = format!("{text}{}", *root.key.to_pkcs8_pem());
    assert!(matches!(split_certificates(&with_key), Err(CertificateError::Pem(PemError::Label { .. }))));
}

#[test]
fn bytes_that_are_cut_or_added_are_refused() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let leaf = root.issue(&leaf_template(&p256(), &["a.example"]));
    for length in 0..leaf.der().len() {
        assert!(Certificate::parse_der(&leaf.der()[..length]).is_err(), "{length}");
    }
    assert!(Certificate::parse_der(&[leaf.der(), &[0]].concat()).is_err());
    let large = vec![0x30; pem::MAX_OBJECT + 1];
    assert!(matches!(Certificate::parse_der(&large), Err(CertificateError::TooLarge { .. })));
}

#[test]
fn a_changed_byte_never_panics_and_never_verifies() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let leaf = root.issue(&leaf_template(&p256(), &["a.example", "192.0.2.1", "urn:a:b", "x@a.example"]));
    for at in 0..leaf.der().len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut der = leaf.der().to_vec();
            der[at] ^= flip;
            let Ok(changed) = Certificate::parse_der(&der) else { continue };
            assert!(changed.verify_issued_by(&root.certificate).is_err(), "byte {at}");
            let _ = format!("{changed:?} {:?} {:?}", changed.sans(), changed.issuer());
        }
    }
}

#[test]
fn a_signature_by_another_key_is_not_the_issuers() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let other = Authority::root(KeyKind::EcdsaP256, "Root");
    let leaf = root.issue(&leaf_template(&p256(), &["a.example"]));
    assert_eq!(leaf.verify_issued_by(&root.certificate), Ok(()));
    assert!(matches!(leaf.verify_issued_by(&other.certificate), Err(CertificateError::NotIssuedBy { .. })));
    assert!(matches!(leaf.verify_issued_by(&leaf), Err(CertificateError::NotIssuedBy { .. })));
}

#[test]
fn validity_includes_its_last_second() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let leaf = root.issue(&leaf_template(&p256(), &["a.example"]));
    let micro = std::time::Duration::from_micros(1);
    assert!(leaf.is_valid_at(leaf.not_before()) && !leaf.is_valid_at(leaf.not_before() - micro));
    let second = std::time::Duration::from_secs(1);
    assert!(leaf.is_valid_at(leaf.not_after() + second - micro) && !leaf.is_valid_at(leaf.not_after() + second));
}

#[test]
fn debug_tells_which_certificate_it_is() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let text = format!("{:?}", root.certificate);
    assert!(text.contains("CN=Root") && text.contains(&root.certificate.fingerprint_sha256()), "{text}");
    assert_eq!(root.certificate.fingerprint_sha256().len(), 64);
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_a_certificate_or_an_error(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _ = Certificate::parse_der(&bytes);
    }
}
