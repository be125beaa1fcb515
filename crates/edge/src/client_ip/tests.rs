use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn client(peer: &str, forwarded: &[&str], trusted: &str) -> String {
    let mut headers = HeaderMap::new();
    for value in forwarded {
        headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
    }
    client_address(peer.parse().unwrap(), &headers, &trusted.parse().unwrap()).to_string()
}

#[test]
fn nobody_is_believed_by_default() {
    assert_eq!(client("192.0.2.1", &["203.0.113.9"], ""), "192.0.2.1");
    assert_eq!(client("192.0.2.1", &["203.0.113.9"], "10.0.0.0/8"), "192.0.2.1");
}

#[test]
fn the_walk_ends_at_the_first_hop_that_is_not_trusted() {
    let proxies = "10.0.0.0/8, 2001:db8::/32";
    for (forwarded, expect) in [
        (&["203.0.113.9"][..], "203.0.113.9"),
        (&["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (&["1.1.1.1, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (&["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        (&["203.0.113.9:4711"], "203.0.113.9"),
        (&["[2001:db9::1]:443"], "2001:db9::1"),
        (&["::ffff:203.0.113.9"], "203.0.113.9"),
        (&["10.9.9.9"], "10.9.9.9"),
        (&["203.0.113.9, unknown"], "10.0.0.1"),
        (&["203.0.113.9, "], "10.0.0.1"),
        (&[], "10.0.0.1"),
    ] {
        assert_eq!(client("10.0.0.1", forwarded, proxies), expect, "{forwarded:?}");
        assert_eq!(client("::ffff:10.0.0.1", forwarded, proxies), expect, "{forwarded:?}");
    }
}

#[test]
fn ranges_are_read_strictly() {
    for bad in ["10.0.0.0/33", "10.0.0/8", "::/129", "localhost", "10.0.0.1/", "10.0.0.1/-1"] {
        assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
    }
    assert_eq!(client("10.0.0.1", &["203.0.113.9"], "::ffff:10.0.0.0/104"), "203.0.113.9");
}

proptest! {
    #[test]
    fn whatever_a_client_prepends_changes_nothing(garbage in "[ -~]{0,40}", client_bits in any::<u32>()) {
        let address = std::net::Ipv4Addr::from_bits(client_bits);
        prop_assume!(address.octets()[0] != 10);
        let honest = client("10.0.0.1", &[&address.to_string()], "10.0.0.0/8");
        let spoofed = client("10.0.0.1", &[&format!("{garbage},{address}")], "10.0.0.0/8");
        prop_assert_eq!(&honest, &address.to_string());
        prop_assert_eq!(spoofed, honest);
    }

    #[test]
    fn an_untrusted_peer_is_the_client(forwarded in "[ -~]{0,60}") {
        prop_assert_eq!(client("192.0.2.7", &[&forwarded], "10.0.0.0/8"), "192.0.2.7");
    }
}
