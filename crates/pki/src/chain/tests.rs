use std::slice::from_ref;

use super::*;
use crate::build::{Template, Validity};
use crate::fixtures::{self, Authority, DAY, NOW, ca_template, leaf_template, p256};
use crate::key::KeyKind;

const SERVER: ExtendedKeyUsage = ExtendedKeyUsage::ServerAuth;

struct Setup {
    root: Authority,
    issuing: Authority,
    leaf: Certificate,
}

impl Setup {
    fn new() -> Self {
        let root = Authority::root(KeyKind::EcdsaP384, "Root");
        let issuing = root.below(KeyKind::EcdsaP256, "Issuing", Some(0));
        let leaf = issuing.issue(&leaf_template(&p256(), &["a.example"]));
        Self { root, issuing, leaf }
    }

    fn validate(&self, leaf: &Certificate, now: Timestamp) -> Result<(), ChainError> {
        validate(leaf, from_ref(&self.issuing.certificate), from_ref(&self.root.certificate), now, SERVER)
    }
}

#[test]
fn every_pair_of_algorithms_validates() {
    for root_kind in KeyKind::ALL {
        let root = Authority::root(root_kind, "Root");
        for issuing_kind in [KeyKind::EcdsaP256, KeyKind::Rsa2048, KeyKind::Ed25519] {
            let issuing = root.below(issuing_kind, "Issuing", Some(0));
            let leaf = issuing.issue(&leaf_template(&p256(), &["a.example"]));
            let result = validate(&leaf, &[issuing.certificate], from_ref(&root.certificate), NOW, SERVER);
            assert_eq!(result, Ok(()), "{root_kind} over {issuing_kind}");
        }
    }
}

#[test]
fn altered_expired_and_foreign_leaves_are_told_apart() {
    let setup = Setup::new();
    assert_eq!(setup.validate(&setup.leaf, NOW), Ok(()));

    let mut der = setup.leaf.der().to_vec();
    let at = der.windows(9).position(|window| window == b"a.example").expect("the name is there");
    der[at] = b'b';
    let altered = Certificate::parse_der(&der).expect("still a certificate");
    assert_eq!(setup.validate(&altered, NOW), Err(ChainError::BadSignature { subject: "b.example".to_owned() }));

    let late = setup.validate(&setup.leaf, NOW + 90 * DAY);
    assert_eq!(late, Err(ChainError::Expired { subject: "a.example".to_owned(), not_after: setup.leaf.not_after() }));
    assert_eq!(setup.validate(&setup.leaf, setup.leaf.not_after()), Ok(()));
    let early = setup.validate(&setup.leaf, NOW - Duration::from_secs(1));
    assert!(matches!(early, Err(ChainError::NotYetValid { .. })));

    // The other CAs have the same names, as those of a second installation do.
    let foreign = Setup::new().leaf;
    assert_eq!(setup.validate(&foreign, NOW), Err(ChainError::UnknownIssuer { subject: "a.example".to_owned() }));
}

#[test]
fn missing_links_and_wrong_purposes_are_named() {
    let setup = Setup::new();
    let anchors = [setup.root.certificate.clone()];
    let between = [setup.issuing.certificate.clone()];
    assert!(matches!(validate(&setup.leaf, &[], &anchors, NOW, SERVER), Err(ChainError::UnknownIssuer { .. })));
    assert!(matches!(validate(&setup.leaf, &between, &[], NOW, SERVER), Err(ChainError::UnknownIssuer { .. })));
    let client = validate(&setup.leaf, &between, &anchors, NOW, ExtendedKeyUsage::ClientAuth);
    assert!(matches!(client, Err(ChainError::WrongUsage { .. })));
    let ca = validate(&setup.issuing.certificate, &[], &anchors, NOW, SERVER);
    assert!(matches!(ca, Err(ChainError::Constraint { .. })));
    assert_eq!(validate(&setup.leaf, &anchors, &between, NOW, SERVER), Ok(()), "an intermediate may be trusted itself");
}

#[test]
fn each_purpose_validates_as_itself() {
    let setup = Setup::new();
    for usage in ExtendedKeyUsage::ALL {
        let template = Template { extended_key_usages: vec![usage], ..leaf_template(&p256(), &["a.example"]) };
        let leaf = setup.issuing.issue(&template);
        let between = [setup.issuing.certificate.clone()];
        assert_eq!(validate(&leaf, &between, from_ref(&setup.root.certificate), NOW, usage), Ok(()), "{usage}");
    }
}

#[test]
fn expired_cas_are_named() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let key = p256();
    let mut template = ca_template(&key, "Issuing", Some(0));
    template.validity = Validity::lasting(NOW - DAY, 2 * DAY).expect("validity");
    let issuing = Authority { certificate: root.issue(&template), key };
    let leaf = issuing.issue(&leaf_template(&p256(), &["a.example"]));
    let expired = |now| validate(&leaf, from_ref(&issuing.certificate), from_ref(&root.certificate), now, SERVER);
    assert_eq!(expired(NOW), Ok(()));
    let subject = "CN=Issuing,O=Example".to_owned();
    assert_eq!(
        expired(NOW + 2 * DAY),
        Err(ChainError::Expired { subject, not_after: issuing.certificate.not_after() })
    );

    // webpki takes any trusted certificate, certctl only one that is still valid.
    let leaf = root.issue(&Template {
        validity: Validity::lasting(NOW, 9000 * DAY).expect("validity"),
        ..leaf_template(&p256(), &["a.example"])
    });
    let result = validate(&leaf, &[], from_ref(&root.certificate), NOW + 8000 * DAY, SERVER);
    assert!(matches!(result, Err(ChainError::Expired { subject, .. }) if subject == "CN=Root,O=Example"));
}

#[test]
fn path_lengths_bind_the_trusted_certificate_too() {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let one = root.below(KeyKind::EcdsaP256, "One", None);
    let two = one.below(KeyKind::EcdsaP256, "Two", None);
    let leaf = two.issue(&leaf_template(&p256(), &["a.example"]));
    let between = [one.certificate, two.certificate];
    let result = validate(&leaf, &between, &[root.certificate], NOW, SERVER);
    assert!(matches!(result, Err(ChainError::Constraint { .. })), "{result:?}");
}

#[test]
fn chains_are_ordered_leaf_first() {
    let setup = Setup::new();
    let [leaf, issuing, root] = [&setup.leaf, &setup.issuing.certificate, &setup.root.certificate].map(Clone::clone);
    let ordered = vec![leaf.clone(), issuing.clone(), root.clone()];
    let mixed = [root.clone(), leaf.clone(), issuing.clone(), root.clone(), leaf.clone()];
    assert_eq!(order(&mixed), Ok(ordered.clone()));
    assert_eq!(order(&[issuing.clone(), leaf.clone()]), Ok(ordered[..2].to_vec()));
    assert_eq!(order(from_ref(&root)), Ok(vec![root]));
    assert_eq!(order(&[]), Err(ChainError::Empty));
    let stranger = Setup::new().root.certificate;
    assert!(matches!(order(&[leaf, issuing, stranger]), Err(ChainError::Unrelated { .. })));
}

#[test]
fn a_ca_from_outside_is_walked_to_its_root() {
    let setup = Setup::new();
    let (root, issuing) = (setup.root.certificate.clone(), setup.issuing.certificate.clone());
    assert_eq!(validate_ca(&issuing, &[], from_ref(&root), NOW), Ok(vec![root.clone()]));
    assert_eq!(validate_ca(&root, &[], from_ref(&root), NOW), Ok(vec![]));
    assert!(matches!(validate_ca(&issuing, &[], &[], NOW), Err(ChainError::UnknownIssuer { .. })));
    assert!(matches!(
        validate_ca(&issuing, &[], &[Setup::new().root.certificate], NOW),
        Err(ChainError::UnknownIssuer { .. })
    ));
    assert!(matches!(
        validate_ca(&setup.leaf, from_ref(&issuing), from_ref(&root), NOW),
        Err(ChainError::Constraint { .. })
    ));
    assert!(matches!(validate_ca(&issuing, &[], from_ref(&root), NOW + 5000 * DAY), Err(ChainError::Expired { .. })));
    assert!(matches!(validate_ca(&issuing, &[], from_ref(&root), NOW - 5 * DAY), Err(ChainError::NotYetValid { .. })));
    let below = setup.issuing.below(KeyKind::EcdsaP256, "Too deep", None);
    let result = validate_ca(&below.certificate, &[issuing], &[root], NOW);
    assert!(matches!(result, Err(ChainError::Constraint { subject, .. }) if subject.contains("Issuing")));
}

#[test]
fn an_altered_ca_is_told_from_a_foreign_one() {
    let setup = Setup::new();
    let mut der = setup.issuing.certificate.der().to_vec();
    let at = der.windows(7).position(|window| window == b"Issuing").expect("the name is there");
    der[at] = b'A';
    let altered = Certificate::parse_der(&der).expect("still a certificate");
    let result = validate_ca(&altered, &[], from_ref(&setup.root.certificate), NOW);
    assert!(matches!(result, Err(ChainError::BadSignature { .. })), "{result:?}");
}

#[test]
fn keys_of_the_leaf_do_not_matter_to_the_path() {
    let setup = Setup::new();
    for kind in KeyKind::ALL {
        let key = fixtures::key(kind);
        let leaf = setup.issuing.issue(&leaf_template(&key, &["a.example"]));
        assert_eq!(setup.validate(&leaf, NOW), Ok(()), "{kind}");
    }
}
