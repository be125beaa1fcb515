#![no_main]

use certctl_pki::*;

libfuzzer_sys::fuzz_target!(|der: &[u8]| drop(Csr::parse_der(der).map(|csr| format!("{csr:?}"))));
