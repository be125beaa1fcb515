//! One TLS handshake, and the certificate chain the other side presented in it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use certctl_pki::{Certificate, CertificateError};
use rustls::{ClientConfig, client::Resumption};
use rustls_pki_types::ServerName;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

mod unjudged;

/// What an endpoint presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The leaf.
    pub leaf: Certificate,
    /// Everything after the leaf, as sent; DER. Not necessarily in order, nor certificates we can read.
    pub chain: Vec<Vec<u8>>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: &'static str,
    /// The address that answered.
    pub address: SocketAddr,
}

impl Presented {
    /// SHA-256 of the leaf, lower-case hex.
    pub fn fingerprint_sha256(&self) -> String {
        self.leaf.fingerprint_sha256()
    }
}

/// Why there is nothing to return.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Not `host:port`, or not a name that can be sent.
    #[error("{given:?} is neither a DNS name nor an IP address")]
    Name {
        /// What was given.
        given: String,
    },
    /// The host name has no address.
    #[error("{endpoint} cannot be resolved")]
    Resolve {
        /// What was to be dialled.
        endpoint: String,
        /// The resolver's answer.
        #[source]
        source: io::Error,
    },
    /// Nothing listens there.
    #[error("{endpoint} refuses connections: nothing listens there")]
    Refused {
        /// What was dialled.
        endpoint: String,
    },
    /// No way there.
    #[error("{endpoint} cannot be reached")]
    Unreachable {
        /// What was dialled.
        endpoint: String,
        /// What the network said.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("{endpoint} did not answer within {} ms while {phase}", .waited.as_millis())]
    Timeout {
        /// What was dialled.
        endpoint: String,
        /// What was waited for.
        phase: Phase,
        /// The whole time given.
        waited: Duration,
    },
    /// Something answered, but not with a TLS handshake that completes.
    #[error("{endpoint} does not complete a TLS handshake for {server_name}")]
    Handshake {
        /// What was dialled.
        endpoint: String,
        /// Name sent.
        server_name: String,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The handshake completed without a certificate.
    #[error("{endpoint} presents no certificate for {server_name}")]
    NoCertificate {
        /// What was dialled.
        endpoint: String,
        /// Name sent.
        server_name: String,
    },
    /// A leaf was presented that is not a certificate.
    #[error("{endpoint} presents something that is not a certificate")]
    NotACertificate {
        /// What was dialled.
        endpoint: String,
        /// Why it cannot be read.
        #[source]
        source: CertificateError,
    },
}

/// Part of a probe, for [`ProbeError::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking the name up.
    Resolving,
    /// Opening the connection.
    Connecting,
    /// Shaking hands.
    Handshaking,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Resolving => "resolving the name",
            Self::Connecting => "connecting",
            Self::Handshaking => "shaking hands",
        })
    }
}

/// Shakes hands with `endpoint` (`host:port`, IPv6 in brackets), asking for `server_name`, and returns what was presented.
///
/// All addresses of the host are tried in turn. `budget` covers everything: resolving, connecting and the handshake. An IP
/// address as `server_name` is not sent as SNI (RFC 6066 §3).
///
/// # Errors
/// Each way of getting no certificate is its own case of [`ProbeError`].
pub async fn handshake(endpoint: &str, server_name: &str, budget: Duration) -> Result<Presented, ProbeError> {
    let name = ServerName::try_from(server_name.trim_matches(['[', ']']).to_owned())
        .map_err(|_| ProbeError::Name { given: server_name.to_owned() })?;
    let deadline = Instant::now() + budget;
    let late = |phase| ProbeError::Timeout { endpoint: endpoint.to_owned(), phase, waited: budget };

    let stream =
        timeout_at(deadline, connect(endpoint, deadline, &late)).await.map_err(|_| late(Phase::Connecting))??;
    let address =
        stream.peer_addr().map_err(|source| ProbeError::Unreachable { endpoint: endpoint.to_owned(), source })?;

    let connector = TlsConnector::from(Arc::new(unjudged::config()));
    let stream = timeout_at(deadline, connector.connect(name, stream))
        .await
        .map_err(|_| late(Phase::Handshaking))?
        .map_err(|source| ProbeError::Handshake {
            endpoint: endpoint.to_owned(),
            server_name: server_name.to_owned(),
            source,
        })?;
    let presented = read(&stream, endpoint, server_name, address);
    say_goodbye(stream).await;
    presented
}

async fn connect(
    endpoint: &str,
    deadline: Instant,
    late: &impl Fn(Phase) -> ProbeError,
) -> Result<TcpStream, ProbeError> {
    let addresses = timeout_at(deadline, tokio::net::lookup_host(endpoint))
        .await
        .map_err(|_| late(Phase::Resolving))?
        .map_err(|source| ProbeError::Resolve { endpoint: endpoint.to_owned(), source })?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    let endpoint = endpoint.to_owned();
    if last.kind() == io::ErrorKind::ConnectionRefused {
        return Err(ProbeError::Refused { endpoint });
    }
    Err(ProbeError::Unreachable { endpoint, source: last })
}

fn read(
    stream: &TlsStream<TcpStream>,
    endpoint: &str,
    server_name: &str,
    address: SocketAddr,
) -> Result<Presented, ProbeError> {
    let (_, session) = stream.get_ref();
    let sent = session.peer_certificates().unwrap_or_default();
    let (leaf, chain) = sent.split_first().ok_or_else(|| ProbeError::NoCertificate {
        endpoint: endpoint.to_owned(),
        server_name: server_name.to_owned(),
    })?;
    let old = session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2);
    let protocol = if old { "TLSv1.2" } else { "TLSv1.3" };
    let leaf = Certificate::parse_der(leaf)
        .map_err(|source| ProbeError::NotACertificate { endpoint: endpoint.to_owned(), source })?;
    Ok(Presented { leaf, chain: chain.iter().map(|der| der.to_vec()).collect(), protocol, address })
}

/// Closes in good order, so that the other side logs no broken connection; what it does with it is not our concern.
async fn say_goodbye(mut stream: TlsStream<TcpStream>) {
    const PATIENCE: Duration = Duration::from_millis(500);
    let _ = tokio::time::timeout(PATIENCE, stream.shutdown()).await;
}

#[cfg(test)]
mod tests;
