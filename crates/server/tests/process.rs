//! The program as an operator meets it: exit codes, files, signals.

mod support;

use std::time::Duration;

use certctl_db::{Backend, DbUrl};
use certctl_pki::San;
use certctl_testkit::db::TestDb;
use certctl_testkit::https::{Authority, Purpose};
use certctl_testkit::wait::until;
use secrecy::ExposeSecret;
use support::{Serving, complaint, mode, run};

const PATIENCE: Duration = Duration::from_secs(10);

fn home() -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("data").display().to_string();
    (home, path)
}

async fn served_fingerprint(port: u16) -> String {
    let presented = certctl_probe::tls::handshake(&format!("127.0.0.1:{port}"), "localhost", PATIENCE).await;
    presented.expect("a handshake").fingerprint_sha256()
}

#[test]
fn usage_and_configuration_have_their_own_exit_codes() {
    assert_eq!(run(&[], &["--bogus"]).status.code(), Some(2));
    assert_eq!(run(&[], &["--version"]).status.code(), Some(0));
    let refused = run(&[("CERTCTL_SERVER_PORT", "0"), ("CERTCTL_LOG_LEVEL", "loud")], &["--check-config"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = complaint(&refused);
    assert!(text.contains("2 problems") && text.contains("CERTCTL_SERVER_PORT") && text.contains("CERTCTL_LOG_LEVEL"));
    assert!(run(&[], &["--check-config"]).status.success());
}

#[test]
fn no_database_is_told_from_one_that_refuses() {
    let nowhere = ("CERTCTL_DATABASE_URL", "postgres://certctl:s3cret@127.0.0.1:1/certctl");
    let output = run(&[nowhere, ("CERTCTL_DATABASE_CONNECT_TIMEOUT", "0")], &["--migrate-only"]);
    assert_eq!(output.status.code(), Some(3));
    let text = complaint(&output);
    assert!(text.contains("failed to ping database") && !text.contains("s3cret"), "{text}");
    let unusable = ("CERTCTL_DATA_DIR", "/dev/null/data");
    let output = run(&[unusable], &["--migrate-only"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("CERTCTL_DATA_DIR"));
}

#[test]
fn migrations_go_up_and_down_and_up() {
    let (_home, data) = home();
    let settings = [("CERTCTL_DATA_DIR", data.as_str())];
    let printed = |args: &[&str]| {
        let output = run(&settings, args);
        assert!(output.status.success(), "{}", complaint(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert!(printed(&["--migrate-only"]).contains("pending: none"));
    assert!(printed(&["migrate", "down", "--to", "0"]).contains("applied: none"));
    assert!(printed(&["migrate", "status"]).contains("pending: 000001"));
    assert!(printed(&["migrate", "up"]).contains("pending: none"));
}

#[tokio::test]
async fn the_first_start_needs_no_setting_and_leaves_private_files() {
    let (_home, data) = home();
    let server = Serving::start(&[("CERTCTL_DATA_DIR", &data)]).await;
    assert_eq!(mode(&data), 0o700);
    for file in ["certctl.db", "encryption.key", "bootstrap-token", "tls/tls.key", "tls/tls.crt"] {
        assert_eq!(mode(format!("{data}/{file}")), 0o600, "{file}");
    }
    let chain = std::fs::read_to_string(format!("{data}/tls/tls.crt")).expect("read");
    let leaf = certctl_pki::Certificate::parse_pem(
        chain.split_inclusive("-----END CERTIFICATE-----\n").next().expect("a leaf"),
    );
    let leaf = leaf.expect("a certificate");
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert!(leaf.sans().contains(&San::parse(name).expect("a name")), "{name}");
    }
    assert_eq!(served_fingerprint(server.port).await, leaf.fingerprint_sha256());

    let second = run(&[("CERTCTL_DATA_DIR", &data), ("CERTCTL_SERVER_PORT", "1")], &[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(complaint(&second).contains("is in use by another certctl-server"), "{}", complaint(&second));
    assert_eq!(run(&[("CERTCTL_DATA_DIR", &data)], &["doctor"]).status.code(), Some(0));

    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[tokio::test]
async fn the_token_file_is_there_while_nobody_could_administer() {
    let (_home, data) = home();
    let token = std::path::Path::new(&data).join("bootstrap-token");
    let named = |keys| [("CERTCTL_DATA_DIR", data.as_str()), ("CERTCTL_API_KEYS_NAMED", keys)];
    let keys = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
    let [first, second] = keys.map(|key| format!("ops:{key}:admin"));
    let (_, log) = Serving::start(&named(&first)).await.stop();
    assert!(!token.exists(), "the environment names an administrator");
    assert!(!log.contains("bootstrap token"), "there never was one: {log}");
    Serving::start(&named("")).await.stop();
    assert!(token.exists(), "it names none any more");
    let (_, log) = Serving::start(&named(&second)).await.stop();
    assert!(!token.exists(), "it names one again");
    assert!(!log.contains("bootstrap token"), "the one of the file opens nothing any more: {log}");
}

#[tokio::test]
async fn a_later_start_keeps_the_certificate_unless_it_is_no_use() {
    let (_home, data) = home();
    let settings = [("CERTCTL_DATA_DIR", data.as_str())];
    let server = Serving::start(&settings).await;
    let first = served_fingerprint(server.port).await;
    server.stop();
    let server = Serving::start(&settings).await;
    assert_eq!(served_fingerprint(server.port).await, first, "it is good");
    server.stop();
    let other = [settings[0], ("CERTCTL_SERVER_TLS_NAMES", "certctl.example, 127.0.0.1")];
    let server = Serving::start(&other).await;
    let renamed = served_fingerprint(server.port).await;
    assert_ne!(renamed, first, "it must carry other names");
    server.stop();
    std::fs::write(format!("{data}/tls/tls.key"), "damaged").expect("written");
    let server = Serving::start(&other).await;
    assert_ne!(served_fingerprint(server.port).await, renamed, "its key was damaged");
}

#[tokio::test]
async fn files_are_read_again_on_a_signal_and_a_bad_pair_changes_nothing() {
    let (home, data) = home();
    let authority = Authority::new();
    let (cert, key) = (home.path().join("tls.crt"), home.path().join("tls.key"));
    let write = |pair: &certctl_testkit::https::Pair| {
        std::fs::write(&cert, &pair.certificate_pem).expect("written");
        std::fs::write(&key, &pair.key_pem).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key, private).expect("made private");
    };
    write(&authority.issue(Purpose::Server, &["localhost"], false));
    let (cert_text, key_text) = (cert.display().to_string(), key.display().to_string());
    let settings = [
        ("CERTCTL_DATA_DIR", data.as_str()),
        ("CERTCTL_SERVER_TLS_CERT_PATH", cert_text.as_str()),
        ("CERTCTL_SERVER_TLS_KEY_PATH", key_text.as_str()),
    ];
    let server = Serving::start(&settings).await;
    let first = served_fingerprint(server.port).await;

    write(&authority.issue(Purpose::Server, &["localhost"], false));
    server.signal("HUP");
    let second = until("the new pair is served", PATIENCE, async || {
        Some(served_fingerprint(server.port).await).filter(|served| *served != first)
    })
    .await;

    write(&authority.issue(Purpose::Server, &["localhost"], true));
    server.signal("HUP");
    assert_eq!(served_fingerprint(server.port).await, second);
    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0));
    assert!(log.contains("TLS cert reloaded via SIGHUP"), "{log}");
    assert!(log.contains("TLS cert not reloaded via SIGHUP, the old pair stays") && log.contains("expired"), "{log}");

    let refused = run(&settings, &["--check-config"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("CERTCTL_SERVER_TLS_CERT_PATH"), "{}", complaint(&refused));
}

#[tokio::test]
async fn two_servers_share_one_postgresql() {
    let Some(database) = TestDb::open_empty(Backend::Postgres).await else { return };
    let DbUrl::Postgres(url) = &database.config.url else { unreachable!("PostgreSQL was asked for") };
    let home = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new();
    let pair = authority.issue(Purpose::Server, &["localhost"], false);
    let path = |name: &str| home.path().join(name).display().to_string();
    let (cert, key) = (path("tls.crt"), path("tls.key"));
    std::fs::write(&cert, &pair.certificate_pem).expect("written");
    std::fs::write(&key, &pair.key_pem).expect("written");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("made private");
    let settings = [
        ("CERTCTL_DATABASE_URL", url.expose_secret()),
        ("CERTCTL_CONFIG_ENCRYPTION_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("CERTCTL_BOOTSTRAP_TOKEN", "a-token-that-is-long-enough"),
        ("CERTCTL_SERVER_TLS_CERT_PATH", cert.as_str()),
        ("CERTCTL_SERVER_TLS_KEY_PATH", key.as_str()),
        ("CERTCTL_DATABASE_MAX_CONNS", "5"),
    ];
    let (one, two) = tokio::join!(Serving::start(&settings), Serving::start(&settings));
    assert!(one.is_ready() && two.is_ready());
    let wrong = [
        settings[0],
        ("CERTCTL_CONFIG_ENCRYPTION_KEY", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="),
        settings[2],
        settings[3],
        settings[4],
    ];
    let refused = run(&wrong, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("CERTCTL_CONFIG_ENCRYPTION_KEY"), "{}", complaint(&refused));
    for server in [one, two] {
        let (status, log) = server.stop();
        assert_eq!(status.code(), Some(0), "{log}");
    }
}
