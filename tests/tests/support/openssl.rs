//! The other opinion: what `openssl` sees and accepts.

use std::path::Path;
use std::process::{Command, Stdio};

use certctl_pki::{Certificate, Timestamp};

/// What an endpoint presented.
pub(crate) struct Fetched {
    /// Leaf first.
    pub(crate) chain: Vec<Certificate>,
}

impl Fetched {
    pub(crate) fn leaf(&self) -> &Certificate {
        &self.chain[0]
    }
}

/// What `openssl s_client` is shown under this name.
pub(crate) fn fetch(endpoint: &str, server_name: &str) -> Fetched {
    let shown = Command::new("openssl")
        .args(["s_client", "-connect", endpoint, "-servername", server_name, "-showcerts"])
        .stdin(Stdio::null())
        .output()
        .expect("openssl runs");
    let text = String::from_utf8_lossy(&shown.stdout);
    let mut chain = Vec::new();
    let mut rest = text.as_ref();
    while let Some(begin) = rest.find(BEGIN) {
        let end = rest[begin..].find(END).expect("PEM ends") + begin + END.len();
        let certificate = Certificate::parse_pem(&rest[begin..end]).expect("a certificate");
        // s_client shows the leaf once more below the chain.
        if !chain.iter().any(|known: &Certificate| known.der() == certificate.der()) {
            chain.push(certificate);
        }
        rest = &rest[end..];
    }
    assert!(!chain.is_empty(), "{endpoint} shows no certificate: {text}{}", String::from_utf8_lossy(&shown.stderr));
    Fetched { chain }
}

/// What `openssl verify -x509_strict` says of a chain, leaf first.
pub(crate) fn verify(directory: &Path, root: &Certificate, chain: &[Certificate]) -> Result<(), String> {
    run(directory, root, chain, &[])
}

/// The same, as if it were then.
pub(crate) fn verify_at(
    directory: &Path,
    root: &Certificate,
    chain: &[Certificate],
    at: Timestamp,
) -> Result<(), String> {
    run(directory, root, chain, &["-attime", &(at.unix_micros() / 1_000_000).to_string()])
}

fn run(directory: &Path, root: &Certificate, chain: &[Certificate], more: &[&str]) -> Result<(), String> {
    let write = |name: &str, certificates: &[Certificate]| {
        let path = directory.join(name);
        std::fs::write(&path, certificates.iter().map(Certificate::to_pem).collect::<String>()).expect("a file");
        path
    };
    let root = write("verify-root.pem", std::slice::from_ref(root));
    let leaf = write("verify-leaf.pem", &chain[..1]);
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-purpose", "sslserver"]).args(more).arg("-CAfile").arg(root);
    if chain.len() > 1 {
        command.arg("-untrusted").arg(write("verify-rest.pem", &chain[1..]));
    }
    let said = command.arg(leaf).output().expect("openssl runs");
    if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stderr).into_owned()) }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
