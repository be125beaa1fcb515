#![no_main]

libfuzzer_sys::fuzz_target!(|der: &[u8]| drop(certctl_pki::Csr::parse_der(der)));
