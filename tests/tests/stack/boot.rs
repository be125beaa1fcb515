//! Starts that must not succeed: what is said, and what is left alone.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use certctl_db::Backend;
use certctl_testkit::https::{Authority, Purpose};

use crate::support::database::assert_unchanged;
use crate::support::server::{Setup, TestServer};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_refused() {
    let Some(mut server) = TestServer::start(Backend::Sqlite).await else { return };
    let before = server.database.dump().await;
    let first = server.process().id();
    let mut second = server.setup.run(&[], "second.log", &[("CERTCTL_SERVER_PORT", "1")]);
    let ended = second.end("the second server", SOON).await;
    assert_eq!(ended.code(), Some(1), "{}", second.log());
    assert!(second.log().contains(&format!("in use by another certctl-server (process {first})")), "{}", second.log());
    assert_unchanged("a second server", &before, &server.database.dump().await);
    server.read("teams").await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_named() {
    let Some(setup) = Setup::new(Backend::Sqlite).await else { return };
    // What root may not write is what nobody may write.
    let closed =
        if rustix::process::geteuid().is_root() { PathBuf::from("/proc") } else { setup.path().join("closed") };
    if !closed.exists() {
        std::fs::create_dir(&closed).expect("a directory");
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).expect("permissions");
    }
    let shown = closed.display().to_string();
    let mut server = setup.run(&[], "closed.log", &[("CERTCTL_DATA_DIR", &shown)]);
    let ended = server.end("a server without a directory", SOON).await;
    assert_eq!(ended.code(), Some(1), "{}", server.log());
    assert!(server.log().contains(&format!("CERTCTL_DATA_DIR: {shown} cannot be used")), "{}", server.log());
}

#[tokio::test]
async fn a_database_that_is_down_is_named_and_its_password_is_not() {
    let Some(setup) = Setup::new(Backend::Sqlite).await else { return };
    let tls = setup.path().join("none").display().to_string();
    let more = [
        // Nobody listens on port 1.
        ("CERTCTL_DATABASE_URL", "postgres://certctl:tell-nobody@127.0.0.1:1/certctl?sslmode=disable"),
        ("CERTCTL_DATABASE_CONNECT_TIMEOUT", "1s"),
        ("CERTCTL_CONFIG_ENCRYPTION_KEY", "test-only-test-only-test-only-test"),
        ("CERTCTL_SERVER_TLS_CERT_PATH", &tls),
        ("CERTCTL_SERVER_TLS_KEY_PATH", &tls),
    ];
    let mut migration = setup.run(&["--migrate-only"], "down.log", &more);
    let ended = migration.end("a migration without a database", SOON).await;
    assert_eq!(ended.code(), Some(3), "{}", migration.log());
    assert!(migration.log().contains("127.0.0.1"), "{}", migration.log());
    assert!(!migration.log().contains("tell-nobody"), "{}", migration.log());

    let pair = Authority::new().issue(Purpose::Server, &["localhost"], false);
    let (certificate, key) = (setup.path().join("tls.crt"), setup.path().join("tls.key"));
    std::fs::write(&certificate, pair.certificate_pem).expect("a certificate");
    std::fs::write(&key, pair.key_pem).expect("a key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let tls = [("CERTCTL_SERVER_TLS_CERT_PATH", certificate.as_str()), ("CERTCTL_SERVER_TLS_KEY_PATH", &key)];
    let mut server = setup.run(&[], "down-server.log", &[&more[..], &tls].concat());
    let ended = server.end("a server without a database", SOON).await;
    assert_eq!(ended.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("postgres://certctl@127.0.0.1:1/certctl"), "{}", server.log());
    assert!(!server.log().contains("tell-nobody"), "{}", server.log());
}
