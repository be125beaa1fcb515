use super::*;
use crate::clock;

fn work(epoch: i64) -> Work {
    Work { job: "job_1".to_owned(), epoch }
}

fn report(epoch: i64) -> JobStatusReport {
    JobStatusReport { status: "Completed".to_owned(), lease_epoch: Some(epoch), ..JobStatusReport::default() }
}

fn open(dir: &Path) -> Journal {
    Journal::open(dir, clock::now).expect("journal")
}

#[test]
fn a_result_is_owed_across_restarts_until_it_is_settled() {
    let dir = tempfile::tempdir().expect("directory");
    let journal = open(dir.path());
    journal.note(
        &work(1),
        Event::Received { kind: "Deployment".to_owned(), certificate: "cert_1".to_owned(), target: None },
    );
    journal.result(&work(1), &report(1)).expect("written");
    assert_eq!(open(dir.path()).owed(), [(work(1), report(1))]);

    let journal = open(dir.path());
    journal.result(&work(2), &report(2)).expect("written");
    // The answer to the older lease says nothing about the newer one.
    journal.settled(&work(1), "lease lost");
    assert_eq!(journal.owed(), [(work(2), report(2))]);
    let journal = open(dir.path());
    assert_eq!(journal.owed(), [(work(2), report(2))]);
    journal.settled(&work(2), "taken");
    assert_eq!(open(dir.path()).owed(), []);
}

#[test]
fn a_line_cut_off_by_a_crash_is_passed_over() {
    let dir = tempfile::tempdir().expect("directory");
    open(dir.path()).result(&work(1), &report(1)).expect("written");
    let path = dir.path().join("journal.jsonl");
    let whole = std::fs::read(&path).expect("journal");
    for cut in 0..whole.len() {
        let mut text = whole.clone();
        text.extend_from_slice(&whole[..cut]);
        std::fs::write(&path, &text).expect("journal");
        assert_eq!(open(dir.path()).owed(), [(work(1), report(1))], "cut at {cut}");
    }
}

#[test]
fn settled_lines_go_when_the_file_grows() {
    let dir = tempfile::tempdir().expect("directory");
    let journal = open(dir.path());
    journal.result(&work(7), &report(7)).expect("written");
    let long = "x".repeat(4096);
    for _ in 0..300 {
        journal.note(&work(1), Event::Step { step: "rename".to_owned(), outcome: long.clone() });
    }
    let length = std::fs::metadata(dir.path().join("journal.jsonl")).expect("journal").len();
    assert!(length < LARGEST + 8192, "{length}");
    assert_eq!(open(dir.path()).owed(), [(work(7), report(7))]);
}
