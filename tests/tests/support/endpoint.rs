//! What a certificate is for: a TLS listener that serves whatever pair lies in its files at each handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The listener. It ends with this value.
pub(crate) struct Endpoint {
    pub(crate) address: String,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// Serves these two files on a free port.
    pub(crate) async fn serve(certificate: &Path, key: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let files = (certificate.to_owned(), key.to_owned());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(greet(stream, files.clone()));
            }
        });
        Self { address, task }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hangs up where there is no pair, or one that does not fit together.
async fn greet(stream: TcpStream, (certificate, key): (PathBuf, PathBuf)) {
    let Some(config) = config(&certificate, &key) else { return };
    if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
        // Who asked may have seen enough.
        let _ = stream.shutdown().await;
    }
}

fn config(certificate: &Path, key: &Path) -> Option<rustls::ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate).ok()?.collect::<Result<Vec<_>, _>>().ok()?;
    let key = PrivateKeyDer::from_pem_file(key).ok()?;
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()
}
