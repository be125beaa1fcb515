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

#[tokio::test]
async fn reloading_nothing_says_so() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let started = std::time::Instant::now();
    let error = reload::reload(&home.path().join(STATUS_NAME)).await.expect_err("there is none");
    assert!(error.to_string().contains("cannot be read"), "{error:#}");
    assert!(started.elapsed() < Duration::from_secs(1));
}
