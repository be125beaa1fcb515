//! Takes connections, shakes hands, and passes requests to the site, until told to stop; then finishes what is under way.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use certctl_app::auth::ClientCertificate;
use certctl_edge::{Connection, Site};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::timeout::TimeoutBody;

/// Serves until `stop`; returns when the last connection has ended.
pub(crate) async fn serve(listener: TcpListener, tls: Arc<rustls::ServerConfig>, site: Site, stop: CancellationToken) {
    let acceptor = TlsAcceptor::from(tls);
    let http = Arc::new(http());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: waiting lets others go first.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(AFTER_TROUBLE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!(%peer, "turned away: {CONNECTIONS_MAX} connections are open");
            continue;
        };
        let (acceptor, http, site, stop) = (acceptor.clone(), Arc::clone(&http), site.clone(), stop.clone());
        connections.spawn(async move {
            connection(stream, peer, &acceptor, &http, site, stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // Slow heads and idle connections are one matter here, and `Activity` deals with both.
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE);
    http
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: &TlsAcceptor,
    http: &Builder<TokioExecutor>,
    site: Site,
    stop: CancellationToken,
) {
    // Answers are small and wanted at once.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream));
    let stream = tokio::select! {
        () = stop.cancelled() => return,
        handshake = handshake => match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "no handshake"),
            Err(_) => return tracing::debug!(%peer, "no handshake in time"),
        },
    };
    let connection = Arc::new(describe(&stream, peer));
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (site, connection, activity) = (site.clone(), Arc::clone(&connection), Arc::clone(&activity));
        async move {
            let _under_way = activity.begin();
            let request = request.map(|body| Body::new(TimeoutBody::new(BODY_PATIENCE, body)));
            Ok::<_, Infallible>(site.handle(&connection, request).await)
        }
    });
    let served = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, error, "a connection broke");
                }
                return;
            }
            () = stop.cancelled(), if !leaving => {
                leaving = true;
                served.as_mut().graceful_shutdown();
            }
            () = activity.idle(), if !leaving => {
                leaving = true;
                served.as_mut().graceful_shutdown();
            }
            // A head that never comes to its end holds a graceful goodbye back.
            () = activity.idle(), if leaving => return,
        }
    }
}

/// Who is at the other end.
fn describe(stream: &TlsStream<TcpStream>, peer: SocketAddr) -> Connection {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificate = ClientCertificate::new(chain.iter().map(|certificate| certificate.to_vec()).collect());
    Connection { peer: peer.ip(), certificate: certificate.map(Arc::new) }
}

/// Whether requests are under way on a connection, and since when not.
#[derive(Default)]
struct Activity {
    requests: AtomicUsize,
    had_any: std::sync::atomic::AtomicBool,
    changed: Notify,
}

/// A request under way.
struct UnderWay<'a>(&'a Activity);

impl Activity {
    fn begin(&self) -> UnderWay<'_> {
        self.had_any.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
        UnderWay(self)
    }

    /// Returns when nothing has been under way for as long as that is tolerated: briefly before the first request, whose
    /// head must come at once, longer between requests.
    async fn idle(&self) {
        loop {
            let changed = self.changed.notified();
            if self.requests.load(Ordering::Relaxed) > 0 {
                changed.await;
                continue;
            }
            let patience = if self.had_any.load(Ordering::Relaxed) { IDLE } else { FIRST_HEAD };
            if tokio::time::timeout(patience, changed).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

const CONNECTIONS_MAX: usize = 10_000;
const HANDSHAKE: Duration = Duration::from_secs(10);
const FIRST_HEAD: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);
/// Longest pause within a request body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
const HEAD_BYTES_MAX: usize = 32 << 10;
const STREAMS_MAX: u32 = 100;
/// Streams that a client may open and reset before its connection is closed.
const PENDING_RESETS_MAX: usize = 20;
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);
const AFTER_TROUBLE: Duration = Duration::from_millis(50);
