//! Many clients over kept-alive TLS 1.3, each with one request on the way. As lean as can be, because it takes its time from the
//! same cores: bodies are made beforehand, and answers are kept as they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where the requests go, and how.
#[derive(Debug, Clone)]
pub(super) struct Aim {
    pub(super) port: u16,
    pub(super) ca: String,
    pub(super) key: String,
    pub(super) path: &'static str,
    pub(super) clients: usize,
    pub(super) time: Duration,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Bodies of the answers with the wanted status.
    pub(super) good: Vec<Bytes>,
    /// Statuses of the others, with the body of the first.
    pub(super) bad: Vec<(StatusCode, Bytes)>,
    /// How long each answer took.
    pub(super) took: Vec<Duration>,
    /// From the first request to the last answer.
    pub(super) elapsed: Duration,
    /// Nothing was left to send before the time was over.
    pub(super) ran_out: bool,
}

/// Sends `bodies` until they or the time are used up.
pub(super) async fn run(aim: &Aim, bodies: Vec<Bytes>, wanted: StatusCode) -> Result<Answers> {
    let connector = connector(&aim.ca)?;
    let mut connections = Vec::new();
    for _ in 0..aim.clients {
        connections.push(connect(&connector, aim.port).await?);
    }
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let clients: Vec<_> = connections
        .into_iter()
        .map(|connection| {
            let client = Client { connection, aim: aim.clone(), wanted, until: began + aim.time };
            tokio::spawn(client.run(Arc::clone(&bodies), Arc::clone(&next)))
        })
        .collect();
    let mut all = Answers::default();
    for client in clients {
        let answers = client.await.context("a client ends")??;
        all.good.extend(answers.good);
        all.bad.extend(answers.bad);
        all.took.extend(answers.took);
    }
    all.elapsed = began.elapsed();
    all.ran_out = next.load(Ordering::Relaxed) >= bodies.len();
    Ok(all)
}

struct Client {
    connection: SendRequest<Full<Bytes>>,
    aim: Aim,
    wanted: StatusCode,
    until: Instant,
}

impl Client {
    async fn run(mut self, bodies: Arc<Vec<Bytes>>, next: Arc<AtomicUsize>) -> Result<Answers> {
        let mut answers = Answers::default();
        let host = format!("localhost:{}", self.aim.port);
        let authorization = format!("Bearer {}", self.aim.key);
        while Instant::now() < self.until {
            let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let request = Request::builder()
                .method(Method::POST)
                .uri(self.aim.path)
                .header("host", &host)
                .header("authorization", &authorization)
                .header("content-type", "application/json")
                .body(Full::new(body.clone()))?;
            let began = Instant::now();
            self.connection.ready().await?;
            let answer = self.connection.send_request(request).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            answers.took.push(began.elapsed());
            if status == self.wanted {
                answers.good.push(body);
            } else {
                answers.bad.push((status, body));
            }
        }
        Ok(answers)
    }
}

fn connector(ca: &str) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn connect(connector: &TlsConnector, port: u16) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The duration below which this share of all lies.
pub(super) fn quantile(took: &mut [Duration], share: f64) -> Duration {
    took.sort_unstable();
    let place = ((took.len() as f64) * share).ceil() as usize;
    took.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_taken_from_the_sorted_list() {
        let mut took: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(quantile(&mut took, 0.5), Duration::from_millis(50));
        assert_eq!(quantile(&mut took, 0.99), Duration::from_millis(99));
        assert_eq!(quantile(&mut [], 0.5), Duration::ZERO);
    }
}
