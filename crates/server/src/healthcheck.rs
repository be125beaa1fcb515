//! Asks the server of this very configuration whether it is ready: for containers, which have no other program to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error as TlsError, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::Config;
use crate::entry::print;
use crate::listener::own::Own;

/// Exit 0 when the server says that it is ready.
///
/// # Errors
/// It does not answer, or not with its own certificate.
pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let answer = ask_in_time(config).await?;
    print(&answer);
    Ok(if answer.starts_with("200 ") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Status and body of `/ready`, on one line.
///
/// # Errors
/// It does not answer, or not with its own certificate.
pub(crate) async fn ask_in_time(config: &Config) -> anyhow::Result<String> {
    tokio::time::timeout(PATIENCE, ask(config)).await.context("no answer in time")?
}

async fn ask(config: &Config) -> anyhow::Result<String> {
    let own = Own::in_data_dir(&config.data_dir, &[]);
    let paths = config.listener.tls.as_ref().unwrap_or(own.paths());
    let text = std::fs::read_to_string(&paths.certificate);
    let text = text.with_context(|| format!("{} cannot be read", paths.certificate.display()))?;
    let chain = certctl_pki::pem::split_certificates(&text)?;
    let leaf = chain.first().map(|leaf| leaf.der().to_vec()).unwrap_or_default();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OnDisk { leaf, provider }))
        .with_no_client_auth();
    let address = address(config);
    let stream = TcpStream::connect(address).await.with_context(|| format!("nothing listens on {address}"))?;
    let name = ServerName::try_from("localhost")?;
    let mut stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    // A peer that hangs up without a farewell has answered all the same.
    let _ = (&mut stream).take(ANSWER_BYTES).read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).context("the answer is not HTTP")?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim());
    Ok(format!("{status} {body}"))
}

/// Where the listener is reached from this machine.
fn address(config: &Config) -> SocketAddr {
    let bound = config.listener.address().map(|address| address.ip());
    let ip = match bound {
        Some(IpAddr::V4(ip)) if !ip.is_unspecified() => IpAddr::V4(ip),
        Some(IpAddr::V6(ip)) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        Some(IpAddr::V6(ip)) => IpAddr::V6(ip),
        Some(IpAddr::V4(_)) | None => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(ip, config.listener.port)
}

/// Accepts the certificate that lies on this disk and no other: closer than any chain.
#[derive(Debug)]
struct OnDisk {
    leaf: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OnDisk {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if end_entity.as_ref() == self.leaf {
            return Ok(ServerCertVerified::assertion());
        }
        Err(TlsError::General("it serves another certificate than the one on disk".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES: u64 = 16 << 10;
