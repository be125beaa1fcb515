use der::Encode;
use der::asn1::{Ia5String, OctetString};
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;

use super::*;
use crate::build::{Template, ToBeSigned};
use crate::fixtures::{Authority, leaf_template, p256};
use crate::key::KeyKind;
use crate::name::Subject;

fn subtrees(bases: &[&str]) -> Vec<GeneralName> {
    let text = |text: &str| Ia5String::new(text).expect("IA5");
    bases
        .iter()
        .map(|base| match base.split_once('=').expect("kind=value") {
            ("dns", value) => GeneralName::DnsName(text(value)),
            ("email", value) => GeneralName::Rfc822Name(text(value)),
            ("uri", value) => GeneralName::UniformResourceIdentifier(text(value)),
            ("ip", value) => {
                let (network, mask) = value.split_once('/').expect("network/mask");
                let octets = |text: &str| match text.parse::<IpAddr>().expect("address") {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                GeneralName::IpAddress(OctetString::new([octets(network), octets(mask)].concat()).expect("octets"))
            }
            ("cn", value) => {
                let subject = Subject::common_name(value).expect("name").to_der().expect("encode");
                GeneralName::DirectoryName(RdnSequence::from_der(&subject).expect("name"))
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn tbs(names: &[&str], common_name: Option<&str>) -> ToBeSigned {
    let root = Authority::root(KeyKind::EcdsaP256, "Root");
    let template = leaf_template(&p256(), names);
    let subject = common_name.map_or(template.subject.clone(), |text| Subject::common_name(text).expect("name"));
    Template { subject, ..template }.issued_by(&root.issuer()).expect("template")
}

/// Which of `names`, each in a certificate of its own, are forbidden.
fn forbidden<'a>(permitted: &[&str], excluded: &[&str], names: &[&'a str]) -> Vec<&'a str> {
    let constraints = Constraints { permitted: subtrees(permitted), excluded: subtrees(excluded) };
    names.iter().copied().filter(|name| constraints.violation(tbs(&[name], None).contents()).is_some()).collect()
}

#[test]
fn host_names() {
    let names = [
        "example.com",
        "a.example.com",
        "b.a.example.com",
        "notexample.com",
        "*.example.com",
        "*.a.example.com",
        "*.com",
    ];
    assert_eq!(forbidden(&["dns=example.com"], &[], &names), ["notexample.com", "*.com"]);
    assert_eq!(forbidden(&["dns=.example.com"], &[], &names), ["example.com", "notexample.com", "*.com"]);
    assert_eq!(forbidden(&["dns="], &[], &names), [""; 0]);
    assert_eq!(
        forbidden(&[], &["dns=a.example.com"], &names),
        ["a.example.com", "b.a.example.com", "*.example.com", "*.a.example.com", "*.com"]
    );
    assert_eq!(
        forbidden(
            &["dns=Example.com", "dns=other"],
            &["dns=a.example.com"],
            &["example.com", "x.other", "a.example.com"]
        ),
        ["a.example.com"]
    );
}

#[test]
fn addresses_mail_and_uris() {
    let addresses = ["192.0.2.1", "192.0.3.1", "2001:db8::1"];
    assert_eq!(forbidden(&["ip=192.0.2.0/255.255.255.0"], &[], &addresses), ["192.0.3.1", "2001:db8::1"]);
    assert_eq!(forbidden(&[], &["ip=2001:db8::/ffff:ffff::"], &addresses), ["2001:db8::1"]);
    let mail = ["a@x.example", "b@x.example", "a@y.x.example"];
    assert_eq!(forbidden(&["email=x.example"], &[], &mail), ["a@y.x.example"]);
    assert_eq!(forbidden(&["email=.x.example"], &[], &mail), ["a@x.example", "b@x.example"]);
    assert_eq!(forbidden(&["email=a@X.example"], &[], &mail), ["b@x.example", "a@y.x.example"]);
    let uris = ["https://x.example/a", "https://y.x.example:8443/", "urn:a:b", "https://192.0.2.1/"];
    assert_eq!(
        forbidden(&["uri=x.example"], &[], &uris),
        ["https://y.x.example:8443/", "urn:a:b", "https://192.0.2.1/"]
    );
    assert_eq!(
        forbidden(&[], &["uri=.x.example"], &uris),
        ["https://y.x.example:8443/", "urn:a:b", "https://192.0.2.1/"]
    );
}

#[test]
fn kinds_do_not_constrain_each_other() {
    assert_eq!(forbidden(&["ip=192.0.2.0/255.255.255.0"], &["email=x.example"], &["any.example", "urn:a:b"]), [""; 0]);
}

#[test]
fn subjects_are_constrained_by_directory_names() {
    let constraints = Constraints { permitted: subtrees(&["cn=allowed"]), excluded: vec![] };
    assert_eq!(constraints.violation(tbs(&["a.example"], None).contents()), None);
    assert_eq!(constraints.violation(tbs(&["a.example"], Some("allowed")).contents()), None);
    assert_eq!(constraints.violation(tbs(&["a.example"], Some("other")).contents()).as_deref(), Some("CN=other"));
}

#[test]
fn constraints_are_read_from_a_ca() {
    let subtree = |base| GeneralSubtree { base, minimum: 0, maximum: None };
    let encoded = NameConstraints {
        permitted_subtrees: Some(subtrees(&["dns=example.com"]).into_iter().map(subtree).collect()),
        excluded_subtrees: None,
    };
    let value: Box<[u8]> = encoded.to_der().expect("encode").into();
    let mut contents = Contents::parse(tbs(&["a.example"], None).der()).expect("parse").0;
    assert!(Constraints::of(&contents).expect("none").is_none());
    let extension = crate::cert::Extension { id: oid::NAME_CONSTRAINTS, critical: true, value };
    contents.extensions.all = [extension].into();
    let constraints = Constraints::of(&contents).expect("readable").expect("some");
    assert!(constraints.violation(tbs(&["a.example"], None).contents()).is_some());
    assert!(constraints.violation(tbs(&["a.example.com"], None).contents()).is_none());
}
