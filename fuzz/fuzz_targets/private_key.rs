#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| drop(certctl_pki::PrivateKey::from_pem(text)));
