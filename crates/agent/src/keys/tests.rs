use std::os::unix::fs::PermissionsExt;

use super::*;

fn wanted() -> Wanted {
    Wanted {
        common_name: Some("a.example".to_owned()),
        sans: vec!["a.example".to_owned()],
        algorithm: "ECDSA".to_owned(),
        size: 256,
    }
}

fn files_of(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("directory");
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".key"));
    names.sort();
    names
}

#[test]
fn one_job_has_one_request_and_another_has_another_key() {
    let dir = tempfile::tempdir().expect("directory");
    let keys = Keys::open(dir.path()).expect("keys");
    let first = keys.request("cert_1", "job_1", &wanted()).expect("request");
    assert_eq!(keys.request("cert_1", "job_1", &wanted()).expect("again"), first);
    let second = keys.request("cert_1", "job_2", &wanted()).expect("request");
    assert_ne!(second.spki_sha256, first.spki_sha256);
    // A job whose profile changed meanwhile asks for something else.
    let other = Wanted { size: 384, ..wanted() };
    assert_ne!(keys.request("cert_1", "job_1", &other).expect("request"), first);

    let csr = Csr::parse_pem(&first.csr_pem).expect("request");
    assert_eq!(csr.public_key().spki_sha256_hex(), first.spki_sha256);
    let path = dir.path().join("cert_1").join(format!("{}.key", first.spki_sha256));
    assert_eq!(fs::metadata(path).expect("key").permissions().mode() & 0o7777, 0o600);
}

#[test]
fn the_key_in_use_and_the_one_before_stay_and_pending_ones_too() {
    let dir = tempfile::tempdir().expect("directory");
    let keys = Keys::open(dir.path()).expect("keys");
    let made: Vec<_> =
        (0..5).map(|job| keys.request("cert_1", &format!("job_{job}"), &wanted()).expect("request")).collect();
    let at = dir.path().join("cert_1");
    keys.promote("cert_1", &made[0].spki_sha256).expect("promoted");
    assert_eq!(files_of(&at).len(), 5, "nothing is older than the first");
    // Job 1 failed, job 2 was deployed: the key of job 1 is of no use to anybody.
    keys.promote("cert_1", &made[2].spki_sha256).expect("promoted");
    let mut expected: Vec<_> = [0, 2, 3, 4].map(|job| format!("{}.key", made[job].spki_sha256)).to_vec();
    expected.sort();
    assert_eq!(files_of(&at), expected);
    // Saying it again changes nothing.
    keys.promote("cert_1", &made[2].spki_sha256).expect("promoted");
    assert_eq!(files_of(&at), expected);
    keys.promote("cert_1", &made[4].spki_sha256).expect("promoted");
    let mut expected: Vec<_> = [2, 4].map(|job| format!("{}.key", made[job].spki_sha256)).to_vec();
    expected.sort();
    assert_eq!(files_of(&at), expected);
    assert_eq!(fs::read_link(at.join("current")).expect("link"), PathBuf::from(format!("{}.key", made[4].spki_sha256)));
}

#[test]
fn ids_that_leave_the_directory_are_refused() {
    let dir = tempfile::tempdir().expect("directory");
    let keys = Keys::open(dir.path()).expect("keys");
    for id in ["", ".", "..", "a/b", "../a", ".hidden", "a\0b", &"x".repeat(129)] {
        assert!(matches!(keys.request(id, "job_1", &wanted()), Err(KeysError::Id { .. })), "{id:?}");
    }
}

#[test]
fn what_cannot_be_made_is_said() {
    let dir = tempfile::tempdir().expect("directory");
    let keys = Keys::open(dir.path()).expect("keys");
    let odd = Wanted { algorithm: "DSA".to_owned(), ..wanted() };
    assert!(matches!(keys.request("cert_1", "job_1", &odd), Err(KeysError::Kind { .. })));
    let odd = Wanted { sans: vec!["not a name".to_owned()], ..wanted() };
    assert!(matches!(keys.request("cert_1", "job_1", &odd), Err(KeysError::Name { .. })));
    assert!(matches!(keys.find("cert_1", "00"), Err(KeysError::Missing { .. })));
}
