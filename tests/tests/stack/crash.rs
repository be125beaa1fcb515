//! The server is killed at every step of an issuance while clients ask for certificates. What they received is on record
//! afterwards, no serial was used twice, nothing is left half-way, and an issuer outside has one order.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

use certctl_app::issue::Step;
use certctl_db::Backend;
use certctl_testkit::issuer::Kept;
use certctl_testkit::wait;
use futures::future::join_all;
use serde_json::Value;

use crate::support::https::As;
use crate::support::server::{OUTSIDE, Setup, TestServer, certificate_with_csr};

/// The server with failpoints, an issuer outside, and leases that are over sooner.
const PROGRAM: &str = env!("CARGO_BIN_EXE_certctl-test-server");
/// Clients that ask at the same time, each for two certificates, one after the other.
const CLIENTS: usize = 4;
/// The step that kills is passed this often. No client asks twice at the same time, so one of them had its answer before.
const NTH: usize = CLIENTS + 1;
/// How often the issuer outside is asked before it answers.
const POLLS: u32 = 2;
/// Longer than the lease of a job whose worker died, and than it takes until a reservation without work is nobody's.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

mod sqlite {
    #[tokio::test]
    async fn a_server_killed_at_any_step_of_an_issuance_loses_nothing() {
        super::killed_at_every_step(super::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn a_server_killed_at_any_step_of_an_issuance_loses_nothing() {
        super::killed_at_every_step(super::Backend::Postgres).await;
    }
}

async fn killed_at_every_step(backend: Backend) {
    // All at once: each waits most of its time for the lease of the dead.
    join_all(Step::ALL.into_iter().map(|step| async move {
        match step {
            Step::Judged | Step::Built | Step::Reserved | Step::Signed | Step::Committed => {
                killed_at(backend, step).await;
            }
            // Steps of an issuer outside. Nobody knows what the order is called yet, so it is placed once more under the
            // same key; or its name is on record, and it is only asked for.
            Step::Ordered => killed_with_an_order(backend, step, 2).await,
            Step::OrderRecorded => killed_with_an_order(backend, step, 1).await,
        }
    }))
    .await;
}

async fn killed_at(backend: Backend, step: Step) {
    let Some(setup) = Setup::of(PathBuf::from(PROGRAM), backend).await else { return };
    let mut server = Box::pin(setup.start()).await;
    let fault = format!("{}@{NTH}", step.point());
    server.restart(&[("CERTCTL_FAULT", &fault)]).await;

    let received: Vec<Value> = join_all((0..CLIENTS).map(|client| ask(&server, step, client))).await.concat();
    let killed = server.process().end(step.point(), Duration::from_secs(60)).await;
    assert_eq!(killed.signal(), Some(9), "the server did not pass {step:?}: {killed}");
    assert!(!received.is_empty(), "{step:?}: nothing was received before the kill");

    server.restart(&[]).await;
    let database = &server.database;
    settled(&server, step).await;
    let issued = format!("SELECT {} FROM certificate_versions WHERE state = 'issued'", database.hex("serial"));
    let issued = database.texts(&issued).await;
    let different: BTreeSet<&String> = issued.iter().collect();
    assert_eq!(different.len(), issued.len(), "{step:?}: a serial was used twice");
    let mut serials = BTreeSet::new();
    for answer in &received {
        let serial = answer["version"]["serial_number"].as_str().expect("a serial").to_owned();
        assert!(different.contains(&serial), "{step:?}: {serial} was received and is not on record");
        assert!(serials.insert(serial), "{step:?}: two clients received one serial");
    }
    // Whoever asked has what it asked for, once, although nobody asked again.
    let asked = database.count("certificates").await;
    let served = "SELECT CAST(count(*) AS TEXT) FROM certificate_versions \
                  WHERE state = 'issued' AND purpose = 'leaf' GROUP BY certificate_id";
    let served = database.texts(served).await;
    assert_eq!(served.len() as u64, asked, "{step:?}: a certificate was never issued");
    assert!(served.iter().all(|count| count == "1"), "{step:?}: a certificate was issued twice: {served:?}");
    assert_eq!(database.count("jobs WHERE state <> 'succeeded'").await, 0, "{step:?}");
    assert!(asked >= received.len() as u64);
    let audited = database.count("audit_events WHERE action = 'certificate_issued'").await;
    assert_eq!(audited, asked, "{step:?}: an issuance without its audit event");
}

/// The order lies at an issuer outside when the process dies; what it knows is not in that process.
async fn killed_with_an_order(backend: Backend, step: Step, placed: u32) {
    let Some(setup) = Setup::of(PathBuf::from(PROGRAM), backend).await else { return };
    let mut server = Box::pin(setup.start()).await;
    let orders = server.outside(POLLS).await;
    server.restart(&[("CERTCTL_FAULT", step.point())]).await;

    let mut body = certificate_with_csr("slow.example");
    body["issuer_id"] = OUTSIDE.into();
    let body = body.to_string().into_bytes();
    let path = "/api/v1/certificates?issue=true";
    // Whether it is answered before the process dies is of no interest.
    let _ = server.https.try_send(As::Key(&server.admin), "POST", path, &[], Some(body)).await;
    let killed = server.process().end(step.point(), Duration::from_secs(60)).await;
    assert_eq!(killed.signal(), Some(9), "the server did not pass {step:?}: {killed}");
    let received = Kept::read(&orders);
    assert_eq!(received.len(), 1, "{step:?}: the issuer has the order when the server dies");
    assert_eq!((received[0].placed, received[0].polls), (1, 0));

    server.restart(&[]).await;
    settled(&server, step).await;
    let received = Kept::read(&orders);
    assert_eq!(received.len(), 1, "{step:?}: one order at the issuer");
    assert_eq!(received[0].placed, placed, "{step:?}: how often it was placed");
    assert!(received[0].polls >= POLLS, "{step:?}: {} polls", received[0].polls);
    let database = &server.database;
    let versions = database.texts("SELECT state FROM certificate_versions WHERE purpose = 'leaf'").await;
    assert_eq!(versions, ["issued"], "{step:?}");
    assert_eq!(
        database.texts("SELECT order_ref FROM certificate_versions WHERE purpose = 'leaf'").await,
        [received[0].key.clone()]
    );
    assert_eq!(database.texts("SELECT state FROM jobs").await, ["succeeded"], "{step:?}");
    assert_eq!(database.count("audit_events WHERE action = 'certificate_issued'").await, 1, "{step:?}");
}

async fn settled(server: &TestServer, step: Step) {
    wait::until(&format!("{step:?}: all is settled"), SETTLED_WITHIN, async || {
        let open = server.database.count("jobs WHERE completed_at IS NULL").await;
        let reserved = server.database.count("certificate_versions WHERE state = 'reserved'").await;
        (open == 0 && reserved == 0).then_some(())
    })
    .await;
}

/// Asks until the server is gone; returns the certificates that arrived.
async fn ask(server: &TestServer, step: Step, client: usize) -> Vec<Value> {
    let mut received = Vec::new();
    for number in 0..2 {
        let body = certificate_with_csr(&format!("c{client}-{number}.example")).to_string().into_bytes();
        let path = "/api/v1/certificates?issue=true";
        let sent = server.https.try_send(As::Key(&server.admin), "POST", path, &[], Some(body)).await;
        let Ok(answer) = sent else { break };
        assert_eq!(answer.status, 201, "{step:?}: {answer:?}");
        received.push(answer.json());
    }
    received
}
