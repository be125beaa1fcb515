#![no_main]

use certctl_pki::*;

libfuzzer_sys::fuzz_target!(|text: &str| assert!(
    San::parse(text).map_or(true, |name| San::parse(&name.to_string()) == Ok(name))
));
