//! A server that is asked to stop: what is under way is answered, nothing new is let in, and it ends well.

use std::net::TcpStream as Door;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certctl_db::Backend;
use certctl_testkit::issuer::{HOLD, Kept};
use certctl_testkit::wait;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::Signal;
use serde_json::json;

use crate::support::agent::TestAgent;
use crate::support::https::As;
use crate::support::line::Line;
use crate::support::server::{OUTSIDE, Setup, TestServer, certificate_with_csr};

/// The server with an issuer outside.
const PROGRAM: &str = env!("CARGO_BIN_EXE_certctl-test-server");
const SOON: Duration = Duration::from_secs(30);
/// Well before the agent's poll would end by itself.
const POLL_ENDS: Duration = Duration::from_secs(12);

mod sqlite {
    #[tokio::test]
    async fn a_server_that_is_asked_to_stop_answers_what_is_under_way() {
        super::a_server_that_is_asked_to_stop_answers_what_is_under_way(super::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn a_server_that_is_asked_to_stop_answers_what_is_under_way() {
        super::a_server_that_is_asked_to_stop_answers_what_is_under_way(super::Backend::Postgres).await;
    }
}

async fn a_server_that_is_asked_to_stop_answers_what_is_under_way(backend: Backend) {
    let Some(setup) = Setup::of(PathBuf::from(PROGRAM), backend).await else { return };
    let setup = setup.env("CERTCTL_AUDIT_FLUSH_TIMEOUT_SECONDS", "60");
    let mut server = Box::pin(setup.start()).await;
    let orders = server.outside(0).await;
    let agent = TestAgent::enrol(&server, "a").await;
    let hold = hold(&orders);

    let path = format!("/api/v1/agents/{}/work", agent.id);
    assert_eq!(agent.call("GET", &path, None).await.status, 200, "its connection is open");
    let poll = tokio::spawn(async move { agent.call("GET", &format!("{path}?wait=25"), None).await });
    let (https, admin) = (server.another(), server.admin.clone());
    let ask = tokio::spawn(async move {
        let mut body = certificate_with_csr("slow.example");
        body["issuer_id"] = OUTSIDE.into();
        https.send(As::Key(&admin), "POST", "/api/v1/certificates?issue=true", Some(&body)).await
    });
    let mut upload = Upload::begin(&server).await;
    let held = wait::until("the issuer is asked", SOON, async || hold.holds()).await;
    assert!(!poll.is_finished() && !ask.is_finished(), "nothing is under way");

    server.process().signal(Signal::TERM);
    let stranger = server.another();
    wait::until("it says that it stops", SOON, async || {
        let ready = stranger.send(As::Stranger, "GET", "/ready", None).await;
        assert!(ready.status == 200 || (ready.status, ready.code().as_str()) == (503, "draining"), "{ready:?}");
        (ready.status == 503).then_some(())
    })
    .await;
    let work =
        tokio::time::timeout(POLL_ENDS, poll).await.expect("the long poll ends").expect("a task").ok("long poll");
    assert_eq!(work["count"], 0, "{work}");
    assert!(!ask.is_finished() && Kept::read(&orders).is_empty(), "the issuer still holds the request");

    drop(held);
    let issued = ask.await.expect("a task");
    assert_eq!(issued.status, 201, "{issued:?}");
    assert!(issued.json()["version"]["serial_number"].is_string(), "{issued:?}");
    let address = server.setup.address();
    wait::until("the door is shut", SOON, async || Door::connect(&address).is_err().then_some(())).await;
    assert!(server.process().ended().is_none(), "a request is still under way");
    let answer = upload.finish().await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let ended = server.process().end("a server that stops", SOON).await;
    assert!(ended.success(), "{ended}: {}", server.process().log());
    assert!(!server.process().log().contains("not everything was over"), "{}", server.process().log());

    assert_eq!(server.database.count("teams WHERE id = 'late'").await, 1);
    assert_eq!(server.database.count("jobs WHERE completed_at IS NULL").await, 0);
    assert_eq!(server.database.count("certificate_versions WHERE state = 'reserved'").await, 0);
}

/// The pipe that holds the issuer of this directory.
struct Hold(PathBuf);

fn hold(directory: &Path) -> Hold {
    let path = directory.join(HOLD);
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    Hold(path)
}

impl Hold {
    /// Its writing end, as soon as the issuer reads at the other one. Whoever comes later is not held.
    fn holds(&self) -> Option<rustix::fd::OwnedFd> {
        let end = rustix::fs::open(&self.0, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).ok()?;
        std::fs::remove_file(&self.0).expect("the pipe can be removed");
        Some(end)
    }
}

/// A request whose body comes later.
struct Upload {
    line: Line,
    body: String,
}

impl Upload {
    /// Returns when the server has read the head and asks for the body.
    async fn begin(server: &TestServer) -> Self {
        let mut line = Line::open(server).await;
        let body = json!({ "id": "late", "name": "late" }).to_string();
        let more = format!("content-length: {}\r\nexpect: 100-continue\r\n", body.len());
        line.head(server, "POST /api/v1/teams", &more).await;
        assert_eq!(line.hear().await, "HTTP/1.1 100 Continue\r\n\r\n");
        Self { line, body }
    }

    /// Sends the body; the answer as it came.
    async fn finish(&mut self) -> String {
        self.line.say(self.body.as_bytes()).await;
        self.line.hear().await
    }
}
