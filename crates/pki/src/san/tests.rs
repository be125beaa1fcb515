use super::*;

fn parsed(text: &str) -> Result<String, NameError> {
    San::parse(text).map(|name| format!("{}:{name}", name.kind()))
}

#[test]
fn names_become_canonical() {
    let cases = [
        ("Example.COM", "dns:example.com"),
        ("localhost", "dns:localhost"),
        ("*.example.com", "dns:*.example.com"),
        ("a-b.c3.example", "dns:a-b.c3.example"),
        ("3com.example", "dns:3com.example"),
        ("bücher.example", "dns:xn--bcher-kva.example"),
        ("BÜCHER.example", "dns:xn--bcher-kva.example"),
        ("XN--bcher-KVA.example", "dns:xn--bcher-kva.example"),
        ("*.bücher.example", "dns:*.xn--bcher-kva.example"),
        ("straße.example", "dns:xn--strae-oqa.example"),
        ("例え.テスト", "dns:xn--r8jz45g.xn--zckzah"),
        ("москва.рф", "dns:xn--80adxhks.xn--p1ai"),
        ("ελλάδα.example", "dns:xn--hxakic4aa.example"),
        ("col·legi.example", "dns:xn--collegi-xma.example"),
        ("yarın.example", "dns:xn--yarn-nza.example"),
        ("192.0.2.1", "ip:192.0.2.1"),
        ("2001:DB8:0::1", "ip:2001:db8::1"),
        ("::ffff:192.0.2.1", "ip:192.0.2.1"),
        ("Ops.Team+x@Example.COM", "email:Ops.Team+x@example.com"),
        ("ops@bücher.example", "email:ops@xn--bcher-kva.example"),
        ("SPIFFE://Trust_Domain.example/Ns/Web", "uri:spiffe://trust_domain.example/Ns/Web"),
        ("certctl://agent/agt_01J8", "uri:certctl://agent/agt_01J8"),
        ("https://[2001:DB8::1]:8443/a%20b?q#f", "uri:https://[2001:db8::1]:8443/a%20b?q#f"),
        ("URN:uuid:F81D4FAE", "uri:urn:uuid:F81D4FAE"),
    ];
    for (text, canonical) in cases {
        assert_eq!(parsed(text).as_deref(), Ok(canonical), "{text}");
        let name = San::parse(text).expect(text);
        assert_eq!(San::parse(&name.to_string()).as_ref(), Ok(&name), "{text} is not stable");
        assert!(name.is_canonical(), "{text}");
    }
}

#[test]
fn invisible_characters_are_named_with_their_position() {
    let cases = [
        ("a\u{0}b", NameError::Control { code: 0, position: 1 }),
        ("ab\n", NameError::Control { code: 0x0a, position: 2 }),
        ("é\u{85}", NameError::Control { code: 0x85, position: 2 }),
        ("abc\u{202e}def", NameError::Bidi { code: 0x202e, position: 3 }),
        ("\u{2066}abc", NameError::Bidi { code: 0x2066, position: 0 }),
        ("a\u{200b}.example", NameError::ZeroWidth { code: 0x200b, position: 1 }),
        ("a\u{200d}b.example", NameError::ZeroWidth { code: 0x200d, position: 1 }),
        ("a\u{feff}", NameError::ZeroWidth { code: 0xfeff, position: 1 }),
        ("a\u{ad}b", NameError::ZeroWidth { code: 0xad, position: 1 }),
        ("a\u{fe0f}", NameError::ZeroWidth { code: 0xfe0f, position: 1 }),
        ("spiffe://a/\u{2060}", NameError::ZeroWidth { code: 0x2060, position: 11 }),
        ("x\u{200c}@a.example", NameError::ZeroWidth { code: 0x200c, position: 1 }),
    ];
    for (text, error) in cases {
        assert_eq!(San::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn host_names_that_are_none_are_refused() {
    let label = |label: &str| label.to_owned();
    let cases = [
        ("", NameError::Empty),
        ("a b", NameError::Character { found: ' ', position: 1, what: "a host name" }),
        ("a/b", NameError::Character { found: '/', position: 1, what: "a host name" }),
        ("a\u{3000}b", NameError::Character { found: '\u{3000}', position: 1, what: "a host name" }),
        ("_dmarc.example", NameError::Underscore { position: 0 }),
        ("a.b_c.example", NameError::Underscore { position: 3 }),
        ("example.com:443", NameError::Colon { position: 11 }),
        (".example", NameError::EmptyLabel { position: 0 }),
        ("a..example", NameError::EmptyLabel { position: 2 }),
        ("example.", NameError::EmptyLabel { position: 8 }),
        ("*.", NameError::EmptyLabel { position: 2 }),
        ("*", NameError::Wildcard { position: 0 }),
        ("*.*.example", NameError::Wildcard { position: 2 }),
        ("a.*.example", NameError::Wildcard { position: 2 }),
        ("w*.example", NameError::Wildcard { position: 1 }),
        ("*w.example", NameError::Wildcard { position: 0 }),
        ("-a.example", NameError::Hyphen { label: label("-a") }),
        ("a-.example", NameError::Hyphen { label: label("a-") }),
        ("ab--c.example", NameError::Hyphen { label: label("ab--c") }),
        ("1.2.3", NameError::NumericEnd { name: label("1.2.3") }),
        ("1.2.3.256", NameError::NumericEnd { name: label("1.2.3.256") }),
        ("0x7f000001", NameError::NumericEnd { name: label("0x7f000001") }),
        ("a.0x1f", NameError::NumericEnd { name: label("a.0x1f") }),
        ("xn--.example", NameError::Hyphen { label: label("xn--") }),
        ("xn--a.example", NameError::Idna { label: label("xn--a") }),
        ("xn--bcher-kv9.example", NameError::Idna { label: label("xn--bcher-kv9") }),
        ("☕.example", NameError::Idna { label: label("☕") }),
        ("xn--53h.example", NameError::Idna { label: label("☕") }),
        ("a·b.example", NameError::Idna { label: label("a·b") }),
        ("pаypal.example", NameError::MixedScript { label: label("pаypal") }),
        ("xn--pypal-4ve.example", NameError::MixedScript { label: label("pаypal") }),
        ("αb.example", NameError::MixedScript { label: label("αb") }),
        ("ｅxample.example", NameError::NotPlain { label: label("ｅxample"), plain: label("example") }),
        ("Ⅷbé.example", NameError::NotPlain { label: label("Ⅷbé"), plain: label("viiibé") }),
    ];
    for (text, error) in cases {
        assert_eq!(San::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_label_that_only_looks_latin_is_refused_in_both_spellings() {
    let apple = "\u{0430}\u{0440}\u{0440}\u{04cf}\u{0435}";
    for text in [format!("{apple}.example"), "xn--80ak6aa92e.example".to_owned()] {
        assert!(matches!(San::parse(&text), Err(NameError::Confusable { .. })), "{text}");
    }
}

#[test]
fn limits_hold_at_their_edge() {
    let label = "a".repeat(63);
    assert!(San::parse(&format!("{label}.example")).is_ok());
    assert!(matches!(San::parse(&format!("{label}a.example")), Err(NameError::TooLong { limit: 63, .. })));
    let name = format!("{label}.{label}.{label}.{}", "b".repeat(61));
    assert_eq!(name.len(), 253);
    assert!(San::parse(&name).is_ok());
    assert!(matches!(San::parse(&format!("{name}b")), Err(NameError::TooLong { limit: 253, .. })));
    assert!(matches!(San::parse(&format!("*.{name}")), Err(NameError::TooLong { limit: 253, .. })));
    assert!(matches!(San::parse(&"a.".repeat(100_000)), Err(NameError::TooLong { .. })));
    assert!(San::parse(&format!("{}@a.example", "l".repeat(64))).is_ok());
    assert!(matches!(San::parse(&format!("{}@a.example", "l".repeat(65))), Err(NameError::TooLong { limit: 64, .. })));
    assert!(matches!(San::parse(&format!("urn:a:{}", "l".repeat(2048))), Err(NameError::TooLong { limit: 2048, .. })));
}

#[test]
fn email_addresses_and_uris_that_are_none_are_refused() {
    let cases = [
        ("@example.com", NameError::EmailForm),
        ("a@", NameError::EmailForm),
        ("a@b@c.example", NameError::EmailForm),
        ("a..b@c.example", NameError::EmailLocalPart),
        ("\"a b\"@c.example", NameError::EmailLocalPart),
        ("jürgen@c.example", NameError::EmailLocalPart),
        ("a@*.example", NameError::WildcardHere { what: "an e-mail address" }),
        ("a@b_c.example", NameError::Underscore { position: 1 }),
        ("://a", NameError::UriNotAbsolute),
        ("1a://b", NameError::UriNotAbsolute),
        ("urn:a", NameError::UriNotAbsolute),
        ("urn::a", NameError::UriNotAbsolute),
        ("https://user:pass@a.example/", NameError::UriUserInfo { position: 17 }),
        ("https://", NameError::UriHost { host: String::new() }),
        ("file:///etc/passwd", NameError::UriHost { host: String::new() }),
        ("https://[::1", NameError::UriHost { host: "[::1".to_owned() }),
        ("https://a..b/", NameError::UriHost { host: "a..b".to_owned() }),
        ("https://a:99999/", NameError::UriHost { host: "a:99999".to_owned() }),
        ("https://a/%2", NameError::UriPercent { position: 10 }),
        ("https://a/%zz", NameError::UriPercent { position: 10 }),
        ("https://a/<b>", NameError::Character { found: '<', position: 10, what: "a URI" }),
        ("https://ä/", NameError::Character { found: 'ä', position: 8, what: "a URI" }),
    ];
    for (text, error) in cases {
        assert_eq!(San::parse(text), Err(error), "{text}");
    }
}

#[test]
fn typed_constructors_do_not_change_the_kind() {
    assert_eq!(San::dns("192.0.2.1"), Err(NameError::NumericEnd { name: "192.0.2.1".to_owned() }));
    assert!(San::dns("a@b.example").is_err());
    assert!(San::dns("https://a").is_err());
    assert!(San::uri("mailto:a@b.example").is_err());
    assert!(San::email("https://a@b").is_err());
}

#[test]
fn sets_of_names_have_one_order() {
    let parse = |texts: &[&str]| -> Vec<San> { texts.iter().map(|text| San::parse(text).expect(text)).collect() };
    let one = San::normalize(parse(&["urn:a:b", "b.example", "192.0.2.1", "A.example", "b.example", "x@a.example"]));
    let texts: Vec<String> = one.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["a.example", "b.example", "192.0.2.1", "x@a.example", "urn:a:b"]);
    assert_eq!(San::normalize(one.iter().rev().cloned().collect()), one);
}

proptest::proptest! {
    #[test]
    fn any_text_gives_a_value_or_an_error(text in "\\PC{0,40}") {
        if let Ok(name) = San::parse(&text) {
            proptest::prop_assert_eq!(San::parse(&name.to_string()), Ok(name.clone()));
            proptest::prop_assert!(name.to_string().is_ascii());
        }
    }

    #[test]
    fn near_names_give_a_value_or_an_error(text in "(\\*\\.)?[a-zA-Z0-9äßяж·\\-._@:/%]{0,30}") {
        if let Ok(name) = San::parse(&text) {
            proptest::prop_assert_eq!(San::parse(&name.to_string()), Ok(name.clone()));
            proptest::prop_assert!(name.is_canonical());
        }
    }

    #[test]
    fn plain_host_names_are_kept(text in "[a-z]([a-z0-9]{0,10}[a-z])?(\\.[a-z]([a-z0-9]{0,10}[a-z])?){0,4}") {
        proptest::prop_assert_eq!(San::parse(&text), Ok(San::Dns(text)));
    }

    #[test]
    fn addresses_are_kept(v4 in proptest::num::u32::ANY, v6 in proptest::num::u128::ANY) {
        for address in [IpAddr::from(v4.to_be_bytes()), IpAddr::from(v6.to_be_bytes()).to_canonical()] {
            proptest::prop_assert_eq!(San::parse(&address.to_string()), Ok(San::Ip(address)));
        }
    }
}
