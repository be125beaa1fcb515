//! HTTP/1.1 by hand, for what no client does: half a request, or a body that nobody asked for.

use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::https::tls;
use super::server::TestServer;

/// A connection.
pub(crate) struct Line(TlsStream<TcpStream>);

impl Line {
    pub(crate) async fn open(server: &TestServer) -> Self {
        let tls = TlsConnector::from(Arc::new(tls(&server.setup.ca().expect("an anchor"), None)));
        let tcp = TcpStream::connect(server.setup.address()).await.expect("a connection");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        Self(tls.connect(name, tcp).await.expect("a handshake"))
    }

    /// Sends the head of a request by the administrator, with a JSON body to come.
    pub(crate) async fn head(&mut self, server: &TestServer, what: &str, more: &str) {
        let head = format!(
            "{what} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\n{more}\r\n",
            server.admin
        );
        self.say(head.as_bytes()).await;
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("bytes are sent");
        self.0.flush().await.expect("bytes are sent");
    }

    /// What comes next, as it comes.
    pub(crate) async fn hear(&mut self) -> String {
        let mut bytes = vec![0; 8192];
        let length = self.0.read(&mut bytes).await.expect("an answer");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}
