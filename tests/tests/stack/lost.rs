//! The database is lost while requests run. Whoever asked was told a success that is on record, or that the database was not
//! there; and the server is back as soon as the database is.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use certctl_db::Backend;
use certctl_testkit::wait;
use futures::future::join_all;

use crate::support::https::{Answer, As};
use crate::support::proxy::Proxy;
use crate::support::server::{Setup, TestServer, certificate_with_csr};

/// Clients that ask at the same time, each for one certificate after the other.
const CLIENTS: usize = 6;
/// Answers of a kind that are waited for before the next thing happens.
const ENOUGH: usize = 12;
const SOON: Duration = Duration::from_secs(90);
/// Longer than the lease of a job whose worker lost the database.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

#[tokio::test]
async fn requests_on_a_postgresql_that_is_lost_are_on_record_or_refused() {
    // The same server, but for leases that are over sooner.
    let program = PathBuf::from(env!("CARGO_BIN_EXE_certctl-test-server"));
    let Some(setup) = Setup::of(program, Backend::Postgres).await else { return };
    let proxy = Proxy::to(setup.postgres_address()).await;
    let server = Box::pin(setup.through(proxy.port).start()).await;

    let asked = Asked::default();
    let clients = join_all((0..CLIENTS).map(|client| asked.ask(&server, client)));
    let cable = async {
        for time in 1..=2 {
            asked.more("certificates are issued", Answer::is_success).await;
            proxy.cut();
            asked.more("requests are refused", |answer| answer.status == 503).await;
            let ready = server.https.send(As::Stranger, "GET", "/ready", None).await;
            assert_eq!(ready.status, 503, "cut {time}: {ready:?}");
            let alive = server.https.send(As::Stranger, "GET", "/health", None).await;
            assert_eq!(alive.status, 200, "cut {time}: {alive:?}");
            proxy.mend();
        }
        asked.more("certificates are issued again", Answer::is_success).await;
        let ready = server.https.send(As::Stranger, "GET", "/ready", None).await;
        assert_eq!(ready.status, 200, "{ready:?}");
        asked.enough.store(true, Ordering::Relaxed);
    };
    tokio::join!(clients, cable);

    let database = &server.database;
    wait::until("what was begun ends", SETTLED_WITHIN, async || {
        let open = database.count("jobs WHERE completed_at IS NULL").await;
        let reserved = database.count("certificate_versions WHERE state = 'reserved'").await;
        (open == 0 && reserved == 0).then_some(())
    })
    .await;
    let on_record = "SELECT c.name FROM certificates c JOIN certificate_versions v ON v.certificate_id = c.id \
                     WHERE v.state = 'issued' ORDER BY 1";
    let on_record = database.texts(on_record).await;
    let mut once = on_record.clone();
    once.dedup();
    assert_eq!(once, on_record, "a certificate was issued twice");
    for (name, answer) in asked.answers.into_inner().expect("no client panicked") {
        if answer.is_success() {
            assert!(on_record.contains(&name), "{name} was answered with {} and is not on record", answer.status);
            continue;
        }
        assert_eq!((answer.status, answer.code().as_str()), (503, "database_unavailable"), "{name}: {answer:?}");
        assert!(answer.message().contains("database"), "{name}: {answer:?}");
    }
}

/// Every request and its answer.
#[derive(Default)]
struct Asked {
    answers: Mutex<Vec<(String, Answer)>>,
    number: AtomicUsize,
    enough: AtomicBool,
}

impl Asked {
    /// Asks for one certificate after the other until it is enough.
    async fn ask(&self, server: &TestServer, client: usize) {
        while !self.enough.load(Ordering::Relaxed) {
            let name = format!("c{client}-{}.example", self.number.fetch_add(1, Ordering::Relaxed));
            let body = certificate_with_csr(&name);
            let path = "/api/v1/certificates?issue=true";
            let answer = server.https.send(As::Key(&server.admin), "POST", path, Some(&body)).await;
            self.answers.lock().expect("no client panicked").push((name, answer));
        }
    }

    /// Waits until there are some more answers of a kind.
    async fn more(&self, what: &str, of: impl Fn(&Answer) -> bool) {
        let count = || self.answers.lock().expect("no client panicked").iter().filter(|(_, answer)| of(answer)).count();
        let before = count();
        wait::until(what, SOON, async || (count() >= before + ENOUGH).then_some(())).await;
    }
}
