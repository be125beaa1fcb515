//! Two servers on one PostgreSQL: each job is executed once, whoever takes it, a server that was stopped past its lease
//! cannot complete what it lost, and one that is killed leaves nothing that the other does not finish.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certctl_db::Backend;
use certctl_testkit::issuer::Kept;
use certctl_testkit::wait;
use futures::future::join_all;
use rustix::process::Signal;
use serde_json::json;

use crate::support::process::{Process, shipped};
use crate::support::server::{OUTSIDE, Setup, TestServer, certificate, csr};

/// Longer than a lease, and than it takes until a reservation without work is nobody's.
const SETTLED: Duration = Duration::from_secs(300);
const LOCAL: &str = "iss-local";

#[tokio::test]
async fn two_servers_execute_each_of_500_jobs_once() {
    let Some(program) = shipped("certctl-server") else { return };
    let Some((server, _second)) = two_servers(program, "16").await else { return };
    ask(&server, LOCAL, 0..500).await;
    wait::until("500 jobs end", Duration::from_secs(240), async || {
        (server.database.count("jobs WHERE completed_at IS NULL").await == 0).then_some(())
    })
    .await;
    assert_each_issued_once(&server, 500).await;
    assert_eq!(server.database.count("certificate_versions WHERE state = 'reserved'").await, 0);
    assert_eq!(server.database.count("job_attempts").await, 500, "a job was executed twice");
    let workers = server.database.texts("SELECT DISTINCT worker FROM job_attempts").await;
    assert_eq!(workers.len(), 2, "one server did all the work: {workers:?}");
}

#[tokio::test]
async fn a_server_stopped_past_its_lease_cannot_complete_what_it_lost() {
    // The same server, but for leases that are over sooner.
    let program = PathBuf::from(env!("CARGO_BIN_EXE_certctl-test-server"));
    let Some((mut server, mut second)) = two_servers(program, "1").await else { return };
    // The one that answers the requests must live; the other one is stopped while it holds a job.
    tokio::join!(ask(&server, LOCAL, 0..150), stopped_while_it_holds_a_job(&server, &second));
    wait::until("the first server ends all jobs and gives up what the second one left", SETTLED, async || {
        let open = server.database.count("jobs WHERE completed_at IS NULL").await;
        let reserved = server.database.count("certificate_versions WHERE state = 'reserved'").await;
        (open == 0 && reserved == 0).then_some(())
    })
    .await;
    let before = server.database.dump().await;
    assert!(server.database.count("job_attempts WHERE outcome = 'lost'").await > 0, "no lease ran out");
    second.signal(Signal::CONT);
    // What it held when it was stopped is another's now. It goes on with it all the same, and is refused.
    let held = format!("job_attempts WHERE outcome = 'lost' AND worker LIKE '%-{}-%'", second.id());
    let held = server.database.texts(&format!("SELECT job_id FROM {held}")).await;
    assert!(!held.is_empty(), "the second server lost nothing");
    for job in &held {
        let line = wait::until("the second server is refused what it lost", Duration::from_secs(60), async || {
            assert!(second.ended().is_none(), "the second server ended:\n{}", second.log());
            let refused = format!("job {job} was left where it stood");
            second.log().lines().find(|line| line.contains(&refused)).map(str::to_owned)
        })
        .await;
        // The job is at a later epoch, and the attempt of this one is on record as lost.
        let causes = ["has changed meanwhile", "lease has ended meanwhile"];
        assert!(causes.iter().any(|cause| line.contains(cause)), "{line}");
    }
    second.signal(Signal::TERM);
    let ended = second.end("the second server", Duration::from_secs(30)).await;
    assert_eq!(ended.code(), Some(0), "{}", second.log());
    assert_each_issued_once(&server, 150).await;
    crate::support::database::assert_unchanged("a server that lost its lease", &before, &server.database.dump().await);
    assert!(server.process().ended().is_none());
}

#[tokio::test]
async fn of_500_orders_outside_each_is_placed_once_though_a_server_is_killed() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_certctl-test-server"));
    let Some((server, mut second)) = two_servers(program, "16").await else { return };
    let orders = server.outside(1).await;

    let killed = async {
        wait::until("the issuer has some orders", Duration::from_secs(60), async || {
            (server.database.count("certificate_versions WHERE order_ref IS NOT NULL").await > 50).then_some(())
        })
        .await;
        stopped_while_it_holds_a_job(&server, &second).await;
        second.signal(Signal::KILL);
        let ended = second.end("the second server", Duration::from_secs(10)).await;
        assert_eq!(ended.signal(), Some(9), "{ended}");
        let killed = second.id();
        second = server.setup.second().await;
        killed
    };
    // It comes back to work that is still to be done.
    let (killed, ()) = tokio::join!(killed, ask(&server, OUTSIDE, 0..300));
    ask(&server, OUTSIDE, 300..500).await;
    wait::until("500 jobs end, and nothing stays reserved", SETTLED, async || {
        let open = server.database.count("jobs WHERE completed_at IS NULL").await;
        let reserved = server.database.count("certificate_versions WHERE state = 'reserved'").await;
        (open == 0 && reserved == 0).then_some(())
    })
    .await;

    assert_each_issued_once(&server, 500).await;
    assert_eq!(server.database.count("jobs WHERE state <> 'succeeded'").await, 0);
    for process in [killed, second.id()] {
        let attempts = format!("job_attempts WHERE worker LIKE '%-{process}-%'");
        assert!(server.database.count(&attempts).await > 0, "{process} did no work");
    }
    assert_each_ordered_once(&server, &orders, 500).await;
}

/// The issuer and the database know the same orders. Only what was lost with its worker may have been placed again, under the
/// same key, because nobody knew whether the issuer had it.
async fn assert_each_ordered_once(server: &TestServer, orders: &Path, many: usize) {
    let mut placed = BTreeMap::<String, usize>::new();
    for key in Kept::placements(orders) {
        *placed.entry(key).or_default() += 1;
    }
    assert_eq!(placed.len(), many, "an order too many or too few at the issuer");
    let recorded = "SELECT order_ref FROM certificate_versions WHERE purpose = 'leaf' AND state = 'issued'";
    let recorded = server.database.texts(recorded).await;
    assert_eq!(recorded.len(), many);
    assert_eq!(recorded.into_iter().collect::<BTreeSet<_>>(), placed.keys().cloned().collect());
    let lost = "SELECT v.order_ref FROM certificate_versions v JOIN jobs j ON j.certificate_id = v.certificate_id \
                JOIN job_attempts a ON a.job_id = j.id WHERE a.outcome = 'lost'";
    let lost: BTreeSet<String> = server.database.texts(lost).await.into_iter().collect();
    assert!(!lost.is_empty(), "the killed server held nothing");
    for (key, times) in placed.into_iter().filter(|(_, times)| *times > 1) {
        assert!(times == 2 && lost.contains(&key), "{key} was placed {times} times");
    }
}

/// A furnished server, and another process on the same database.
async fn two_servers(program: PathBuf, concurrency: &str) -> Option<(TestServer, Process)> {
    let setup = Setup::of(program, Backend::Postgres).await?.env("CERTCTL_RENEWAL_CONCURRENCY", concurrency);
    let setup =
        setup.env("CERTCTL_SCHEDULER_JOB_CLAIM_LIMIT", "20").env("CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL", "1s");
    let server = Box::pin(setup.start()).await;
    let second = server.setup.second().await;
    Some((server, second))
}

/// Creates certificates of these numbers and asks for each with a job of its own.
async fn ask(server: &TestServer, issuer: &str, numbers: Range<usize>) {
    let create = |number: usize| async move {
        let mut body = certificate(&format!("n{number}.example"));
        body["issuer_id"] = issuer.into();
        let made = server.made("certificates", &body).await;
        made["id"].as_str().expect("an id").to_owned()
    };
    let mut ids = Vec::new();
    for chunk in numbers.clone().collect::<Vec<_>>().chunks(32) {
        ids.extend(join_all(chunk.iter().map(|number| create(*number))).await);
    }
    let numbered: Vec<_> = numbers.zip(&ids).collect();
    for chunk in numbered.chunks(32) {
        join_all(chunk.iter().map(|(number, id)| async move {
            let body = json!({ "csr_pem": csr(&format!("n{number}.example")) });
            server.made(&format!("certificates/{id}/renew"), &body).await
        }))
        .await;
    }
}

/// Stops the process at a moment when it holds a job.
async fn stopped_while_it_holds_a_job(server: &TestServer, process: &Process) {
    let held = format!("jobs WHERE lease_owner LIKE '%-{}-%' AND completed_at IS NULL", process.id());
    wait::until("the second server is stopped while it works", Duration::from_secs(60), async || {
        process.signal(Signal::STOP);
        if server.database.count(&held).await > 0 {
            return Some(());
        }
        process.signal(Signal::CONT);
        None
    })
    .await;
}

async fn assert_each_issued_once(server: &TestServer, many: u64) {
    let per_certificate = "SELECT CAST(count(*) AS TEXT) FROM certificate_versions \
                           WHERE state = 'issued' AND purpose = 'leaf' GROUP BY certificate_id";
    let counts = server.database.texts(per_certificate).await;
    assert_eq!(counts.len() as u64, many, "a certificate was not issued");
    assert!(counts.iter().all(|count| count == "1"), "a certificate was issued twice");
    let serials = format!("SELECT {} FROM certificate_versions WHERE state = 'issued'", server.database.hex("serial"));
    let serials = server.database.texts(&serials).await;
    assert_eq!(serials.iter().collect::<BTreeSet<_>>().len(), serials.len(), "a serial was used twice");
}
