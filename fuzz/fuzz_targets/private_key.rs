#![no_main]

use certctl_pki::*;

libfuzzer_sys::fuzz_target!(|text: &str| drop(
    PrivateKey::from_pem(text).map(|key| (key.to_pkcs8_pem(), key.sign(b"message")))
));
