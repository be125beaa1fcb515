//! The listener itself.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use super::status::{EMPTY, OK, Status, StatusFile};
use super::{CERTIFICATE_NAME, KEY_NAME, STATUS_NAME};

/// Serves until SIGINT or SIGTERM.
pub(super) async fn run(dir: &Path, port: u16, parent: Option<u32>) -> anyhow::Result<()> {
    crate::child::die_with(parent)?;
    Endpoint::open(dir, port)?.serve().await
}

struct Endpoint {
    dir: PathBuf,
    port: u16,
    status: StatusFile,
    loads: u64,
    served: Arc<Served>,
}

#[derive(Debug, Default)]
struct Served(RwLock<Option<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().ok()?.clone()
    }
}

impl Endpoint {
    fn open(dir: &Path, port: u16) -> anyhow::Result<Self> {
        let path = dir.join(STATUS_NAME);
        let status = StatusFile::hold(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        let Some(status) = status else { bail!("{} is held by another endpoint", path.display()) };
        Ok(Self { dir: dir.to_owned(), port, status, loads: 0, served: Arc::default() })
    }

    async fn serve(mut self) -> anyhow::Result<()> {
        // Before the status file invites anybody to send one.
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
        let listener = listener.with_context(|| format!("127.0.0.1:{} cannot be bound", self.port))?;
        crate::say(&format!("listening on {}", listener.local_addr()?));
        let acceptor = TlsAcceptor::from(Arc::new(tls(Arc::clone(&self.served))?));
        self.load()?;
        loop {
            tokio::select! {
                _ = hang_up.recv() => self.load()?,
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        tokio::spawn(greet(acceptor.clone(), stream));
                    }
                }
            }
        }
    }

    /// Loads the pair. One that cannot be used leaves the one that is served.
    fn load(&mut self) -> anyhow::Result<()> {
        let outcome = match read_pair(&self.dir) {
            Ok(Some(pair)) => {
                *self.served.0.write().map_err(|_| anyhow::anyhow!("the served pair is locked by a dead thread"))? =
                    Some(Arc::new(pair));
                OK.to_owned()
            }
            Ok(None) => EMPTY.to_owned(),
            Err(error) => format!("{error:#}"),
        };
        self.loads += 1;
        crate::say(&format!("load {}: {outcome}", self.loads));
        self.status.write(&Status { pid: std::process::id(), loads: self.loads, outcome })?;
        Ok(())
    }
}

/// `None` while either file is missing.
fn read_pair(dir: &Path) -> anyhow::Result<Option<CertifiedKey>> {
    let (certificate, key) = (dir.join(CERTIFICATE_NAME), dir.join(KEY_NAME));
    if !certificate.exists() || !key.exists() {
        return Ok(None);
    }
    let chain = CertificateDer::pem_file_iter(&certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.with_context(|| format!("{} cannot be read", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(&key).with_context(|| format!("{} cannot be read", key.display()))?;
    let pair = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider());
    Ok(Some(pair.context("certificate and key do not belong together")?))
}

fn tls(served: Arc<Served>) -> anyhow::Result<rustls::ServerConfig> {
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(served);
    Ok(config)
}

/// Shakes hands, says hello as a web server would, hangs up.
async fn greet(acceptor: TlsAcceptor, stream: TcpStream) {
    let greeting = async {
        let mut stream = acceptor.accept(stream).await?;
        stream.write_all(GREETING).await?;
        stream.shutdown().await
    };
    // Who goes away or shakes no hand is of no interest here.
    let _ = tokio::time::timeout(GREETING_TIME, greeting).await;
}

const GREETING: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 24\r\nconnection: close\r\n\r\n\
served by demo-endpoint\n";
const GREETING_TIME: Duration = Duration::from_secs(5);
