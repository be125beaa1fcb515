#![no_main]

use certctl_pki::*;

libfuzzer_sys::fuzz_target!(|der: &[u8]| drop(
    Certificate::parse_der(der).map(|one| (format!("{one:?}"), lint::contents(&one, None, Timestamp::MIN)))
));
