//! A private authority, and an HTTPS server on a free loopback port that presents a certificate of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::extract::Request;
use certctl_pki::build::{IssuerRef, Kind, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{Certificate, ExtendedKeyUsage, KeyKind, PrivateKey, San, Serial, Template, Timestamp};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// A CA made for one test, valid from yesterday for ten days.
pub struct Authority {
    key: PrivateKey,
    certificate: Certificate,
    now: Timestamp,
}

/// A certificate with its key, PEM.
pub struct Pair {
    /// The certificate.
    pub certificate_pem: String,
    /// Its key.
    pub key_pem: String,
}

/// Whose certificate it is to be.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// A TLS server's.
    Server,
    /// A TLS client's.
    Client,
}

impl Authority {
    /// A new CA.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a P-256 key");
        let name = format!("testkit {}", &key.public_key().spki_sha256_hex()[..8]);
        let now = now();
        let template = Template {
            kind: Kind::Ca { path_len: None },
            serial: Serial::from_random([1; 16]),
            subject: Subject::common_name(&name).expect("a common name"),
            sans: vec![],
            public_key: key.public_key().clone(),
            validity: Validity::lasting(now - DAY, 10 * DAY).expect("ten days"),
            extended_key_usages: vec![],
            must_staple: false,
        };
        let tbs = template.self_signed().expect("a root");
        let signature = key.sign(tbs.der()).expect("a signature");
        Self { certificate: tbs.finish(&signature).expect("a certificate"), key, now }
    }

    /// The CA's own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.to_pem()
    }

    /// A certificate for these names, valid for a day unless `past`: then it ended an hour ago.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn issue(&self, purpose: Purpose, names: &[&str], past: bool) -> Pair {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a P-256 key");
        let hash: [u8; 32] = key.public_key().spki_sha256();
        let mut serial = [0; 16];
        serial.copy_from_slice(&hash[..16]);
        let start = if past { self.now - DAY } else { self.now - HOUR };
        let template = Template {
            kind: Kind::Leaf,
            serial: Serial::from_random(serial),
            subject: Subject::empty(),
            sans: names.iter().map(|name| San::parse(name).expect("a name")).collect(),
            public_key: key.public_key().clone(),
            validity: Validity::lasting(start, DAY - HOUR).expect("a day"),
            extended_key_usages: vec![match purpose {
                Purpose::Server => ExtendedKeyUsage::ServerAuth,
                Purpose::Client => ExtendedKeyUsage::ClientAuth,
            }],
            must_staple: false,
        };
        let issuer = IssuerRef::new(self.certificate.clone()).expect("a CA");
        let tbs = template.issued_by(&issuer).expect("a leaf");
        let signature = self.key.sign(tbs.der()).expect("a signature");
        let certificate = tbs.finish(&signature).expect("a certificate");
        Pair { certificate_pem: certificate.to_pem(), key_pem: key.to_pkcs8_pem().to_string() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// The certificate a client presented, DER; an extension of every request.
#[derive(Debug, Clone)]
pub struct PeerCertificate(pub Option<Vec<u8>>);

/// A running HTTPS server; it ends when dropped.
pub struct HttpsServer {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl HttpsServer {
    /// Serves `router` with this pair, TLS 1.3. A client certificate is asked for and never required; only one of
    /// `authority` is accepted.
    ///
    /// # Panics
    /// When no port is free or the pair cannot be used.
    pub async fn start(authority: &Authority, pair: &Pair, router: Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server_config(authority, pair)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let presented = stream.get_ref().1.peer_certificates();
                    let peer = PeerCertificate(presented.and_then(|chain| chain.first()).map(|leaf| leaf.to_vec()));
                    let service = router.map_request(move |request: hyper::Request<hyper::body::Incoming>| {
                        let mut request: Request = request.map(axum::body::Body::new);
                        request.extensions_mut().insert(peer.clone());
                        request
                    });
                    let service = TowerToHyperService::new(service);
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is no error of the server.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, task }
    }

    /// Its address under the name `localhost`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn server_config(authority: &Authority, pair: &Pair) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).expect("a key");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("a certificate")).expect("a root");
    let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .expect("a verifier");
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

#[expect(clippy::disallowed_methods, reason = "TLS peers check certificates against the real clock")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_secs(i64::try_from(since.as_secs()).unwrap_or_default())
}

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// SHA-256 of the public key of a pair, lower-case hex.
///
/// # Panics
/// When the key cannot be read.
#[must_use]
pub fn spki_sha256_hex(pair: &Pair) -> String {
    PrivateKey::from_pem(&pair.key_pem).expect("a key").public_key().spki_sha256_hex()
}
