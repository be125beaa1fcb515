//! A way to a TCP server that can be cut, as a cable can.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The way. It ends with this value.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    is_open: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A way to `address`, open.
    pub(crate) async fn to(address: &str) -> Self {
        let address = address.to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let is_open = Arc::new(watch::channel(true).0);
        let ways = Arc::clone(&is_open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut open = ways.subscribe();
                let address = address.clone();
                tokio::spawn(async move {
                    if !*open.borrow_and_update() {
                        return;
                    }
                    tokio::select! {
                        () = carry(client, &address) => {}
                        _ = open.changed() => {}
                    }
                });
            }
        });
        Self { port, is_open, task }
    }

    /// Ends every connection at once, and every new one.
    pub(crate) fn cut(&self) {
        self.is_open.send_replace(false);
    }

    /// Lets new connections through.
    pub(crate) fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, address: &str) {
    let Ok(mut server) = TcpStream::connect(address).await else { return };
    // Either side may hang up in its own way.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}
