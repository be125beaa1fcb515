#![no_main]

use certctl_pki::*;

libfuzzer_sys::fuzz_target!(|text: &str| assert!(
    Serial::from_hex(text).map_or(true, |one| Serial::from_hex(&one.to_hex()) == Ok(one))
));
