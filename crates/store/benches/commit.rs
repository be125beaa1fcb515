//! How many issuances a second the database takes when nothing but their rows is written: two units of work each, by many clients.
//! The ceiling that the whole product is measured against.
//!
//! `cargo bench -p certctl-store --bench commit -- sqlite:FILE|postgres://… [CLIENTS] [SECONDS] [MIGRATIONS]`; the database must be empty;
//! a directory of migrations tries another schema.

#[path = "../tests/support/fixtures.rs"]
mod fixtures;
#[path = "../tests/support/foundation.rs"]
mod foundation;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use certctl_db::migrate::Migrator;
use certctl_db::{Db, DbConfig, DbError, Unit};
use certctl_domain::audit::Action;
use certctl_domain::ids::OutboxId;
use certctl_jobs::{Executor, NewJob, State, enqueue_claimed, lease};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(url) = arguments.next() else { return };
    let mut number = |default: u64| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (clients, seconds) = (number(32), number(5));
    let directory = arguments.next();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let rate =
        runtime.block_on(run(&url, clients, Duration::from_secs(seconds), directory)).expect("the database answers");
    report(rate, clients);
}

pub(crate) async fn run(url: &str, clients: u64, time: Duration, directory: Option<String>) -> Result<f64, DbError> {
    let db = Db::connect(&DbConfig::new(url.parse().expect("a database URL"))).await?;
    let migrator = match directory {
        Some(directory) => Migrator::from_directory(directory.as_ref()).expect("the directory reads"),
        None => Migrator::embedded(db.backend()),
    };
    migrator.up(&db, 1, "bench").await.expect("migrations apply");
    db.commit(foundation::foundation()).await?;
    let next = Arc::new(AtomicU64::new(1));
    let begun = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (db, next) = (db.clone(), next.clone());
            tokio::spawn(async move {
                let mut done = 0_u64;
                while begun.elapsed() < time {
                    issue(&db, next.fetch_add(1, Ordering::Relaxed)).await?;
                    done += 1;
                }
                Ok::<_, DbError>(done)
            })
        })
        .collect();
    let mut done = 0;
    for client in clients {
        done += client.await.expect("the client ends")?;
    }
    let rate = done as f64 / begun.elapsed().as_secs_f64();
    let counted = certctl_db::counter(&db, "certificates").await?;
    assert_eq!(counted, i64::try_from(done).expect("few enough"), "rows and answers differ");
    db.close().await;
    Ok(rate)
}

async fn issue(db: &Db, number: u64) -> Result<(), DbError> {
    let now = foundation::now();
    let certificate = fixtures::certificate(&format!("cert_{number:026}"));
    let identity = fixtures::identity(&certificate);
    let version = fixtures::reserved(&certificate, &format!("ver_{number:026}"), number);
    let mut unit = Unit::new();
    certctl_store::certificates::insert(&mut unit, &certificate);
    certctl_store::identities::insert(&mut unit, &identity);
    certctl_store::versions::insert(&mut unit, &version);
    let created = fixtures::event(&format!("evt_a{number:026}"), Action::CertificateCreated, certificate.id.as_str());
    certctl_store::audit::append(&mut unit, &created);
    let lease = enqueue_claimed(&mut unit, job(&certificate.id, number), "bench", i64::MAX, now.unix_micros());
    db.commit(unit).await?;

    let version = fixtures::issued(&version);
    let mut unit = Unit::new();
    certctl_store::versions::record_issued(&mut unit, &version);
    certctl_store::identities::record_issued(&mut unit, &fixtures::renewed(&identity, &version));
    certctl_store::certificates::record_first_issued(&mut unit, &certificate.id, now, foundation::day(90), now);
    lease::succeed(&mut unit, &lease, now.unix_micros());
    let issued = fixtures::event(&format!("evt_b{number:026}"), Action::CertificateIssued, certificate.id.as_str());
    certctl_store::audit::append(&mut unit, &issued);
    let out = OutboxId::parse(&format!("out_{number:026}")).expect("an id");
    certctl_store::outbox::insert(&mut unit, &out, "certificate.issued", certificate.id.as_str(), now);
    db.commit(unit).await
}

fn job(certificate: &certctl_domain::ids::CertificateId, number: u64) -> NewJob {
    NewJob {
        id: format!("job_ver_{number:026}"),
        kind: "Issuance",
        executor: Executor::Server,
        agent_id: None,
        certificate_id: Some(certificate.to_string()),
        target_id: None,
        state: State::Pending,
        payload: "x".repeat(900),
        max_attempts: 3,
        retry_seconds: 60,
        priority: 0,
        not_before: 0,
        idempotency_key: format!("renew:{certificate}:external:none"),
        parent_job_id: None,
    }
}

#[expect(clippy::print_stdout, reason = "the figure is what a benchmark is for")]
fn report(rate: f64, clients: u64) {
    println!("{{\"name\":\"commit_rows\",\"value\":{rate:.0},\"unit\":\"issuances/s\",\"clients\":{clients}}}");
}
