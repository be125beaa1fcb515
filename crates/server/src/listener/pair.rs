//! One certificate chain with its key, checked before it is served, and the place that every handshake takes it from.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use certctl_pki::{Certificate, PrivateKey, Timestamp, pem};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::TlsPaths;

/// A checked pair.
#[derive(Clone)]
pub struct Pair {
    /// What a handshake presents.
    pub certified: Arc<CertifiedKey>,
    /// The leaf.
    pub leaf: Certificate,
}

impl Pair {
    /// Reads and checks the files of `paths`.
    ///
    /// # Errors
    /// Everything that is wrong, each with the setting's name and the remedy.
    pub fn load(paths: &TlsPaths, allow_loose_mode: bool, now: Timestamp) -> Result<Self, Vec<String>> {
        let mut findings = Vec::new();
        let chain = note(&mut findings, CERT, read_chain(&paths.certificate));
        let key = note(&mut findings, KEY, read_key(&paths.key, allow_loose_mode));
        let (Some(chain), Some(key)) = (chain, key) else { return Err(findings) };
        Self::new(&chain, &key, now).map_err(|why| {
            let (name, path) = match why {
                PairError::Mismatch => (KEY, &paths.key),
                PairError::NotYet { .. } | PairError::Expired { .. } | PairError::Empty | PairError::Crypto => {
                    (CERT, &paths.certificate)
                }
            };
            vec![format!("{name}: {}: {why}", path.display())]
        })
    }

    /// Joins a chain, leaf first, with its key.
    ///
    /// # Errors
    /// [`PairError`] when they do not belong together or the leaf is not valid now.
    pub fn new(chain: &[Certificate], key: &PrivateKey, now: Timestamp) -> Result<Self, PairError> {
        let leaf = chain.first().ok_or(PairError::Empty)?.clone();
        let contents = leaf.contents();
        if contents.public_key().spki_der() != key.public_key().spki_der() {
            return Err(PairError::Mismatch);
        }
        if now < contents.not_before() {
            return Err(PairError::NotYet { at: contents.not_before() });
        }
        if contents.not_after() <= now {
            return Err(PairError::Expired { at: contents.not_after() });
        }
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec()));
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).map_err(|_| PairError::Crypto)?;
        let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
        Ok(Self { certified: Arc::new(CertifiedKey::new(chain, signing)), leaf })
    }

    /// End of the leaf's validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.leaf.contents().not_after()
    }

    /// Whether the leaf ends within the time in which an operator should have replaced it.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.not_after().duration_since(now) < SOON
    }
}

/// Why chain and key cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// No certificate.
    #[error("it holds no certificate")]
    Empty,
    /// Another key.
    #[error("the private key does not belong to the certificate; give the key that its request was made with")]
    Mismatch,
    /// Too early.
    #[error("the certificate is not valid before {}; check the clock", .at.to_rfc3339())]
    NotYet {
        /// First moment.
        at: Timestamp,
    },
    /// Too late.
    #[error("the certificate expired at {}; renew it", .at.to_rfc3339())]
    Expired {
        /// Last moment.
        at: Timestamp,
    },
    /// A key that TLS cannot sign with.
    #[error("the key cannot be used for TLS; use ECDSA P-256")]
    Crypto,
}

/// Judges the files of `paths` as [`Pair::load`] does.
///
/// # Errors
/// Everything that is wrong.
pub(crate) fn check(paths: &TlsPaths, allow_loose_mode: bool, now: Timestamp) -> Result<(), Vec<String>> {
    Pair::load(paths, allow_loose_mode, now).map(drop)
}

fn note<T>(findings: &mut Vec<String>, name: &str, result: Result<T, String>) -> Option<T> {
    result.map_err(|why| findings.push(format!("{name}: {why}"))).ok()
}

fn read_chain(path: &Path) -> Result<Vec<Certificate>, String> {
    let text = read(path)?;
    pem::split_certificates(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_key(path: &Path, allow_loose_mode: bool) -> Result<PrivateKey, String> {
    let text = zeroize::Zeroizing::new(read(path)?);
    let mode = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.mode() & 0o777;
    if mode & 0o077 != 0 && !allow_loose_mode {
        let path = path.display();
        return Err(format!(
            "{path} has mode {mode:04o}, so others can read the key; run chmod 600 {path}, or accept it with CERTCTL_TLS_ALLOW_LOOSE_KEY_MODE=true"
        ));
    }
    PrivateKey::from_pem(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("the file {} cannot be read: {error}", path.display())
}

/// What the listener presents now. A failed reload leaves the pair that worked.
#[derive(Default)]
pub struct Served {
    pair: ArcSwapOption<Pair>,
}

impl Served {
    /// Presents `pair` from the next handshake on.
    pub fn replace(&self, pair: Pair) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double")]
        metrics::gauge!("certctl_server_tls_not_after_seconds").set(pair.not_after().unix_secs() as f64);
        self.pair.store(Some(Arc::new(pair)));
    }

    /// What is presented.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Pair>> {
        self.pair.load_full()
    }
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fingerprint = self.current().map(|pair| pair.leaf.fingerprint_sha256());
        f.debug_struct("Served").field("fingerprint", &fingerprint).finish()
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pair.load().as_ref().map(|pair| Arc::clone(&pair.certified))
    }
}

const CERT: &str = "CERTCTL_SERVER_TLS_CERT_PATH";
const KEY: &str = "CERTCTL_SERVER_TLS_KEY_PATH";
const SOON: Duration = Duration::from_secs(14 * 24 * 3_600);
