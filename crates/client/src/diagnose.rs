//! The way to the server, layer by layer, for whoever asks why it cannot be reached.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Client;
use crate::error::{Error, Unreachable};
use crate::tls;
use crate::transport::Call;

/// What a handshake agreed on and what the server presented.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// Protocol version, such as `TLSv1_3`.
    pub version: String,
    /// Key exchange, such as `X25519MLKEM768`.
    pub key_exchange: String,
    /// SHA-256 of the leaf, lower-case hex.
    pub fingerprint_sha256: String,
    /// How many certificates were presented.
    pub certificates: usize,
    /// Whether the leaf says where its revocation can be looked up (AIA or CRL distribution points).
    pub names_publication: bool,
}

/// What the server answered to a plain request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    /// HTTP status.
    pub status: u16,
    /// Its clock, as in the `Date` header.
    pub date: Option<String>,
}

impl Client {
    /// The addresses behind the server's name.
    ///
    /// # Errors
    /// [`Unreachable::Dns`].
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let host = self.shared.server.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.shared.server.port_or_known_default().unwrap_or(443);
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<_> = found.map_err(|error| self.no_way(Unreachable::Dns(error.to_string())))?.collect();
        if addresses.is_empty() { Err(self.no_way(Unreachable::Dns("no address".to_owned()))) } else { Ok(addresses) }
    }

    /// Opens and closes a connection to one address.
    ///
    /// # Errors
    /// [`Unreachable::Connect`], [`Unreachable::Timeout`].
    pub async fn connect(&self, address: SocketAddr) -> Result<(), Error> {
        self.tcp(address).await.map(|_| ())
    }

    /// Makes a handshake with one address, checking the server as every call does.
    ///
    /// # Errors
    /// [`Unreachable::Tls`] when the server is not recognised, else as [`Client::connect`].
    pub async fn handshake(&self, address: SocketAddr) -> Result<Handshake, Error> {
        let options = &self.shared.options;
        let config = tls::config(options, &options.credentials)?;
        let host = self.shared.base.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|error| Error::option("server", error.to_string()))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = timeout(PATIENCE, connector.connect(name, self.tcp(address).await?)).await;
        let stream = stream.map_err(|_| self.no_way(Unreachable::Timeout(PATIENCE)))?;
        let stream = stream.map_err(|error| self.no_way(tls_cause(&error)))?;
        let (_, session) = stream.get_ref();
        let presented = session.peer_certificates().unwrap_or_default();
        let leaf = presented.first().map(CertificateDer::as_ref).unwrap_or_default();
        Ok(Handshake {
            version: session.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
            key_exchange: session
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name()))
                .unwrap_or_default(),
            fingerprint_sha256: hex::encode(tls::sha256(leaf)),
            certificates: presented.len(),
            names_publication: [AIA, CRL_POINTS].iter().any(|oid| contains(leaf, oid)),
        })
    }

    /// Asks for `/health` and shows the server's clock.
    ///
    /// # Errors
    /// As every call.
    pub async fn http_probe(&self) -> Result<HttpProbe, Error> {
        let answer = self.send(Call::get(["health"]).anonymous()).await?;
        Ok(HttpProbe { status: answer.status, date: answer.date })
    }

    async fn tcp(&self, address: SocketAddr) -> Result<TcpStream, Error> {
        let opened = timeout(PATIENCE, TcpStream::connect(address)).await;
        let opened = opened.map_err(|_| self.no_way(Unreachable::Timeout(PATIENCE)))?;
        opened.map_err(|error| self.no_way(Unreachable::Connect(error.to_string())))
    }

    fn no_way(&self, cause: Unreachable) -> Error {
        Error::Unreachable { server: self.server().to_owned(), cause }
    }
}

fn tls_cause(error: &std::io::Error) -> Unreachable {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Unreachable::Tls(tls.clone()),
        None => Unreachable::Broken(error.to_string()),
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

const PATIENCE: Duration = Duration::from_secs(10);
/// DER of the object identifier of authority information access (RFC 5280 §4.2.2.1).
const AIA: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
/// DER of the object identifier of CRL distribution points (RFC 5280 §4.2.1.13).
const CRL_POINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x1f];
