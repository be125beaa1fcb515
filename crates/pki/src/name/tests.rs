use super::*;

/// The text of a subject with this common name, whatever it holds.
fn shown(common_name: &str) -> String {
    let value = Any::encode_from(&Utf8StringRef::new(common_name).expect("text")).expect("any");
    let attribute = AttributeTypeAndValue { oid: oid::COMMON_NAME, value };
    let rdn = RelativeDistinguishedName(SetOfVec::try_from(vec![attribute]).expect("one"));
    legible(&RdnSequence(vec![rdn]))
}

#[test]
fn names_are_shown_without_tricks() {
    assert_eq!(shown("München, Süd"), "CN=München\\, Süd");
    assert_eq!(shown("a\nb"), "CN=a\\0ab");
    assert_eq!(shown("a\u{202e}b"), "CN=a\\e2\\80\\aeb");
    assert_eq!(shown("\u{85}"), "CN=\\c2\\85");
}

#[test]
fn subjects_have_bounds() {
    assert_eq!(Subject::common_name(""), Err(NameError::Empty));
    assert_eq!(Subject::common_name("  "), Err(NameError::Empty));
    assert!(Subject::common_name(&"ä".repeat(64)).is_ok());
    assert!(matches!(Subject::common_name(&"ä".repeat(65)), Err(NameError::TooLong { limit: 64, .. })));
    assert!(matches!(Subject::common_name("a\u{200b}"), Err(NameError::ZeroWidth { .. })));
    assert!(Subject::empty().is_empty() && !Subject::common_name("a").expect("name").is_empty());
}

#[test]
fn what_is_written_is_read() {
    let subject = Subject::common_name("a.example").expect("name").with_organization("Example + Söhne").expect("name");
    let der = subject.to_der().expect("encode");
    assert_eq!(display(&der), "CN=a.example,O=Example \\+ Söhne");
    assert_eq!(common_name(&RdnSequence::from_der(&der).expect("name")).as_deref(), Some("a.example"));
    assert_eq!(display(&Subject::empty().to_der().expect("encode")), "");
}
