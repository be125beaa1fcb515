//! Every seed of the fuzz targets is accepted by its parser; otherwise fuzzing would only ever see the first check.

use std::path::PathBuf;

use certctl_pki::{Certificate, Csr, PrivateKey, San, Serial, pem};

/// Runs `parse` over the seeds of one target, of which there must be at least twenty.
#[track_caller]
fn check(target: &str, parse: impl Fn(&[u8]) -> Result<(), String>) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&directory).expect("the seeds are in the repository");
    let mut count = 0;
    for entry in entries {
        let path = entry.expect("readable").path();
        let bytes = std::fs::read(&path).expect("readable");
        assert_eq!(parse(&bytes), Ok(()), "{}", path.display());
        count += 1;
    }
    assert!(count >= 20, "{target} has {count} seeds");
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("seeds of text are UTF-8")
}

#[test]
fn csr() {
    check("csr", |der| Csr::parse_der(der).map(drop).map_err(|error| error.to_string()));
}

#[test]
fn certificate() {
    check("certificate", |der| Certificate::parse_der(der).map(drop).map_err(|error| error.to_string()));
}

#[test]
fn pem_text() {
    check("pem", |bytes| pem::split_certificates(text(bytes)).map(drop).map_err(|error| error.to_string()));
}

#[test]
fn private_key() {
    check("private_key", |bytes| PrivateKey::from_pem(text(bytes)).map(drop).map_err(|error| error.to_string()));
}

#[test]
fn san() {
    check("san", |bytes| San::parse(text(bytes)).map(drop).map_err(|error| error.to_string()));
}

#[test]
fn serial() {
    check("serial", |bytes| Serial::from_hex(text(bytes)).map(drop).map_err(|error| error.to_string()));
}
