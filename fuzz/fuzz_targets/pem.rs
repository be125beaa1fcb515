#![no_main]

use certctl_pki::*;

libfuzzer_sys::fuzz_target!(|text: &str| drop(pem::split_certificates(text).map(|chain| chain::order(&chain))));
