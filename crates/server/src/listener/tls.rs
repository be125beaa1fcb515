//! How the control listener speaks TLS: 1.3 only, hybrid key exchange preferred, a client certificate asked for and never
//! required.

use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, crypto};

use super::Served;

/// The listener's TLS. `clients` judges possession of a presented key only; chain and purpose are judged per route.
///
/// # Errors
/// The provider does not know TLS 1.3, which cannot be.
pub fn server_config(served: Arc<Served>, clients: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(served);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = crypto::aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = TICKETS;
    Ok(config)
}

/// aws-lc with the hybrid group first: what is recorded today cannot be read by a quantum computer later.
fn provider() -> crypto::CryptoProvider {
    use crypto::aws_lc_rs::{default_provider, kx_group};
    let kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1];
    crypto::CryptoProvider { kx_groups, ..default_provider() }
}

/// One is enough for a client that comes back; each costs a sealing.
const TICKETS: usize = 1;
