use super::*;

#[test]
fn wire_names_are_stable_and_round_trip() {
    for class in ErrorClass::ALL {
        let rolled_back = class.rolled_back().unwrap_or_default();
        assert_eq!(ErrorClass::from_wire(class.as_str(), rolled_back), Some(class));
    }
    assert_eq!(ErrorClass::from_wire("upstream5xx", false), None);
}

#[test]
fn only_classes_that_time_can_heal_are_retried() {
    let retried: Vec<_> =
        ErrorClass::ALL.into_iter().filter(|class| class.retryable()).map(ErrorClass::as_str).collect();
    assert_eq!(
        retried,
        [
            "rate_limited",
            "upstream_5xx",
            "network",
            "timeout",
            "target_reload",
            "target_reload",
            "target_verify",
            "target_verify",
            "internal"
        ]
    );
}

#[test]
fn private_keys_never_enter_a_message() {
    let output = "reading key\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAbc\n-----END EC PRIVATE KEY-----\ndone";
    assert_eq!(sanitise(output), "reading key [redacted] done");
    // Cut off by an output cap before its end.
    assert_eq!(sanitise("x\n-----BEGIN PRIVATE KEY-----\nMHcCAQEEIAbc\nAAAA"), "x [redacted]");
    assert_eq!(sanitise("k=-----BEGIN PRIVATE KEY----- MHcC -----END PRIVATE KEY-----"), "k=[redacted]");
}

#[test]
fn values_named_like_a_credential_are_hidden() {
    for (text, shown) in [
        ("db_password=hunter2 host=a", "db_password=[redacted] host=a"),
        ("API-Key: abc", "API-Key: [redacted]"),
        ("Authorization: Bearer abc def", "Authorization: [redacted]"),
        ("with Bearer abc done", "with Bearer [redacted] done"),
        ("{\"token\":\"abc\"}", "{\"token\":[redacted]"),
        ("key_path=/etc/nginx/key.pem", "key_path=/etc/nginx/key.pem"),
    ] {
        assert_eq!(sanitise(text), shown);
    }
}

#[test]
fn a_line_of_base64_is_hidden_but_paths_and_fingerprints_stay() {
    let line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgV3Kz9sR2q8m1xV3p";
    assert_eq!(sanitise(line), REDACTED);
    let fingerprint = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    assert_eq!(sanitise(fingerprint), fingerprint);
    let path = "/var/lib/certctl/agent/backups/tgt_example/some/very/long/path/certificate.pem";
    assert_eq!(sanitise(path), path);
}

#[test]
fn messages_are_short_and_printable() {
    let clean = sanitise(&format!("a\u{202E}b\r\n\tc\0{}", "x ".repeat(5000)));
    assert!(clean.len() <= MESSAGE_MAX, "{}", clean.len());
    assert!(clean.starts_with("a b c x x"), "{clean}");
    assert!(clean.ends_with('…'));
    assert!(!clean.chars().any(char::is_control));
}
