//! What a caller is told when the database is full, gone, busy or not there.

use std::os::unix::fs::PermissionsExt;

use certctl_db::migrate::Migrator;
use certctl_db::sea_orm::ConnectionTrait;
use certctl_db::{Backend, Class, ConnectCause, Db, DbConfig, DbError, DbUrl, Unit, counter};
use certctl_testkit::db::{TestDb, postgres_url};

#[tokio::test]
async fn a_full_file_refuses_writes_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = DbConfig::new(DbUrl::sqlite(directory.path().join("certctl.db")));
    let db = Db::connect(&config).await.expect("opens");
    Migrator::embedded(Backend::Sqlite).up(&db, 1, "test").await.expect("up");
    db.commit(counting(1)).await.expect("there is room");
    let page: i64 = pages(&db).await;
    db.close().await;
    config.max_pages = Some(u32::try_from(page).expect("few") + 40);
    let db = Db::connect(&config).await.expect("opens");
    let mut full = None;
    for n in 0..200 {
        let mut unit = Unit::new();
        for row in 0..50 {
            unit.count(format!("counter {n} {row} {}", "x".repeat(200)), 1);
        }
        if let Err(error) = db.commit(unit).await {
            full = Some(error);
            break;
        }
    }
    let error = full.expect("the file is limited");
    assert!(matches!(error, DbError::Full), "{error:?}");
    assert_eq!(counter(&db, "kept").await.expect("still read"), 1);
    for _ in 0..3 {
        let error = db.commit(counting_much()).await.expect_err("it stays full");
        assert!(matches!(error, DbError::Full), "{error:?}");
    }
    // Room is made by another process, and the same connections go on.
    let other = Db::connect(&DbConfig::new(config.url.clone())).await.expect("opens");
    let txn = other.begin().await.expect("begun");
    txn.connection().execute_unprepared("DELETE FROM counters WHERE name <> 'kept'").await.expect("deleted");
    txn.commit().await.expect("committed");
    other.close().await;
    db.commit(counting_much()).await.expect("there is room");
    db.close().await;
    config.max_pages = None;
    let db = Db::connect(&config).await.expect("opens");
    db.commit(counting(1)).await.expect("there is room again");
    assert_eq!(counter(&db, "kept").await.expect("read"), 2);
}

fn counting_much() -> Unit {
    let mut unit = Unit::new();
    for row in 0..50 {
        unit.count(format!("much {row} {}", "x".repeat(200)), 1);
    }
    unit
}

#[tokio::test]
async fn the_file_is_its_owners_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("certctl.db");
    let db = Db::connect(&DbConfig::new(DbUrl::sqlite(&path))).await.expect("opens");
    Migrator::embedded(Backend::Sqlite).up(&db, 1, "test").await.expect("up");
    for entry in std::fs::read_dir(directory.path()).expect("read") {
        let entry = entry.expect("read");
        let mode = entry.metadata().expect("read").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

#[tokio::test]
async fn a_missing_directory_is_named_as_a_file_error() {
    let url = DbUrl::sqlite("/nonexistent/certctl.db");
    let error = Db::connect(&DbConfig::new(url)).await.err().expect("refused");
    assert!(matches!(&error, DbError::Connect { cause: ConnectCause::File, .. }), "{error:?}");
    assert_eq!(error.class(), Class::Permanent);
}

#[tokio::test]
async fn a_text_that_is_no_database_is_not_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("certctl.db");
    std::fs::write(&path, "not a database, but long enough to be mistaken for one".repeat(100)).expect("written");
    let error = Db::connect(&DbConfig::new(DbUrl::sqlite(&path))).await.err().expect("refused");
    assert!(matches!(&error, DbError::Connect { cause: ConnectCause::File, .. }), "{error:?}");
}

#[tokio::test]
async fn a_second_writer_is_waited_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = DbConfig::new(DbUrl::sqlite(directory.path().join("certctl.db")));
    let (one, two) = (Db::connect(&config).await.expect("opens"), Db::connect(&config).await.expect("opens"));
    Migrator::embedded(Backend::Sqlite).up(&one, 1, "test").await.expect("up");
    let txn = one.begin().await.expect("begun");
    let waiting = tokio::spawn(async move { two.commit(counting(1)).await });
    txn.commit().await.expect("committed");
    waiting.await.expect("ends").expect("the lock was freed");
    assert_eq!(counter(&one, "kept").await.expect("read"), 1);
}

#[tokio::test]
async fn refusals_of_postgresql_carry_their_state() {
    let Some(server) = postgres_url() else {
        certctl_testkit::skip!("no PostgreSQL on this machine", "postgresql");
    };
    let base = server.rsplit_once('/').expect("a database").0;
    let error = connect(&format!("{base}/no_such_database")).await;
    assert!(
        matches!(&error, DbError::Connect { cause: ConnectCause::Sqlstate(state), .. } if state == "3D000"),
        "{error:?}"
    );
    assert_eq!(error.class(), Class::Permanent);
    let error = connect("postgres://nobody:hunter2@127.0.0.1:1/x").await;
    assert!(matches!(&error, DbError::Connect { cause: ConnectCause::Unreachable, .. }), "{error:?}");
    assert_eq!(error.class(), Class::Retryable);
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_killed_connection_is_replaced() {
    let Some(opened) = TestDb::open(Backend::Postgres).await else { return };
    let db = &opened.db;
    for n in 1..=3 {
        db.commit(counting(1)).await.expect("committed, again where a connection had died");
        assert_eq!(counter(db, "kept").await.expect("read"), n);
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        db.read().execute_unprepared(kill).await.expect("killed");
    }
}

#[tokio::test]
async fn wakes_reach_the_other_replica() {
    let Some(opened) = TestDb::open(Backend::Postgres).await else { return };
    let other = opened.again().await;
    let mut heard = other.notifier().subscribe();
    let wait = async {
        loop {
            if heard.next().await.topic == "jobs:server" {
                return;
            }
        }
    };
    let send = async {
        // The other replica may not be listening yet: a wake may be lost, so it is sent until it is heard.
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        loop {
            ticks.tick().await;
            let mut unit = counting(1);
            unit.wake("jobs:server");
            opened.db.commit(unit).await.expect("committed");
        }
    };
    let deadline = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        tokio::select! { () = wait => {}, () = send => {} }
    });
    deadline.await.expect("heard in time");
}

async fn connect(url: &str) -> DbError {
    Db::connect(&DbConfig::new(url.parse().expect("well-formed"))).await.err().expect("refused")
}

fn counting(delta: i64) -> Unit {
    let mut unit = Unit::new();
    unit.count("kept", delta);
    unit
}

async fn pages(db: &Db) -> i64 {
    let backend = db.read().get_database_backend();
    let statement = certctl_db::sea_orm::Statement::from_string(backend, "PRAGMA page_count");
    let row = db.read().query_one_raw(statement).await.expect("read").expect("one row");
    row.try_get("", "page_count").expect("a number")
}
