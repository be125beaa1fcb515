use std::time::Duration;

use super::status::{EMPTY, OK, Status, StatusFile, read};
use super::*;

#[test]
fn a_status_is_only_believed_while_its_writer_lives() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join(STATUS_NAME);
    let held = StatusFile::hold(&path).expect("opened").expect("free");
    let status = Status { pid: 7, loads: 1, outcome: EMPTY.to_owned() };
    held.write(&status).expect("written");
    assert!(StatusFile::hold(&path).expect("opened").is_none(), "one endpoint at a time");
    assert_eq!(read(&path).expect("read"), Some(status.clone()));
    held.write(&Status { loads: 2, outcome: OK.to_owned(), ..status }).expect("written");
    assert_eq!(read(&path).expect("read").expect("alive").loads, 2);
    drop(held);
    assert_eq!(read(&path).expect("read"), None);
}

#[test]
fn what_a_process_that_is_gone_has_said_is_not_believed() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join(STATUS_NAME);
    std::fs::write(&path, "7\n3\nok\n").expect("the status of an earlier process");
    let held = StatusFile::hold(&path).expect("opened").expect("free");
    assert_eq!(read(&path).expect("read"), None, "the new process has not said anything yet");
    held.write(&Status { pid: 8, loads: 1, outcome: OK.to_owned() }).expect("written");
    assert_eq!(read(&path).expect("read").expect("alive").pid, 8);
}

#[test]
fn a_reader_that_looks_at_the_same_moment_does_not_keep_an_endpoint_from_starting() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join(STATUS_NAME);
    std::fs::write(&path, "").expect("written");
    let looking = std::fs::File::open(&path).expect("opened");
    looking.lock_shared().expect("locked");
    let mut looking = Some(looking);
    // The reader lets go while the endpoint waits for it.
    let held = StatusFile::hold_while(&path, || looking.take().is_some()).expect("opened");
    assert!(held.is_some() && looking.is_none(), "it waits for the reader");
    let second = StatusFile::hold_while(&path, || false).expect("opened");
    assert!(second.is_none(), "not for ever");
}

#[tokio::test]
async fn reloading_nothing_says_so() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let started = std::time::Instant::now();
    let error = reload::reload(&home.path().join(STATUS_NAME)).await.expect_err("there is none");
    assert!(error.to_string().contains("cannot be read"), "{error:#}");
    assert!(started.elapsed() < Duration::from_secs(1));
}
