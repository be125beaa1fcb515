//! The program as an operator meets it: exit codes, files, signals. What it does alike on both databases is in modules of theirs;
//! the rest is about what only an embedded database has (private files made at the first start, their lock, a certificate of its
//! own, the token's file), or only a server (being away, being shared).

mod support;

use std::path::Path;
use std::time::Duration;

use certctl_db::Backend;
use certctl_pki::San;
use certctl_testkit::wait::until;
use support::{Serving, Site, borrowed, complaint, mode, run};

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
    let token = Path::new(&data).join("bootstrap-token");
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
async fn two_servers_on_one_postgresql_share_it() {
    let Some(site) = Site::open(Backend::Postgres).await else { return };
    let settings = site.settings(&[]);
    let settings = borrowed(&settings);
    let (one, two) = tokio::join!(Serving::start(&settings), Serving::start(&settings));
    assert!(one.is_ready() && two.is_ready());
    for server in [one, two] {
        let (status, log) = server.stop();
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

async fn a_check_of_the_configuration_touches_nothing(site: &Site) {
    let check = |more: &[(&'static str, &str)]| run(&borrowed(&site.settings(more)), &["--check-config"]);
    let accepted = check(&[]);
    assert!(accepted.status.success(), "{}", complaint(&accepted));
    let refused = check(&[("CERTCTL_CONFIG_ENCRYPTION_KEY", "short"), ("CERTCTL_BOOTSTRAP_TOKEN", "short")]);
    assert_eq!(refused.status.code(), Some(1));
    let text = complaint(&refused);
    assert!(text.contains("CERTCTL_CONFIG_ENCRYPTION_KEY") && text.contains("CERTCTL_BOOTSTRAP_TOKEN"), "{text}");
    assert!(!Path::new(&site.path("data")).exists(), "a directory was made");
    std::fs::create_dir(site.path("data")).expect("a directory, for a look at an embedded database");
    assert!(printed(site, &["migrate", "status"]).contains("applied: none"));
}

async fn migrations_go_up_and_down_and_up(site: &Site) {
    assert!(printed(site, &["--migrate-only"]).contains("pending: none"));
    assert!(printed(site, &["--migrate-only"]).contains("pending: none"), "a second time");
    assert!(printed(site, &["migrate", "down", "--to", "0"]).contains("applied: none"));
    assert!(printed(site, &["migrate", "status"]).contains("pending: 000001"));
    assert!(printed(site, &["migrate", "up"]).contains("pending: none"));
}

async fn a_server_comes_back_to_what_it_left(site: &Site) {
    let settings = site.settings(&[]);
    let settings = borrowed(&settings);
    let began = Serving::start(&settings).await;
    let served = served_fingerprint(began.port).await;
    assert!(printed(site, &["migrate", "status"]).contains("pending: none"), "a server migrates by itself");
    let (status, log) = began.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopped"), "{log}");
    assert!(!Path::new(&site.path("data/bootstrap-token")).exists(), "the token is the environment's");

    let other = site.settings(&[("CERTCTL_CONFIG_ENCRYPTION_KEY", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=")]);
    let refused = run(&borrowed(&other), &[]);
    assert_eq!(refused.status.code(), Some(1), "it cannot open what the first start has sealed");
    assert!(complaint(&refused).contains("CERTCTL_CONFIG_ENCRYPTION_KEY"), "{}", complaint(&refused));

    let again = Serving::start(&settings).await;
    assert_eq!(served_fingerprint(again.port).await, served);
    let looked = run(&settings, &["doctor"]);
    let said = String::from_utf8_lossy(&looked.stdout);
    for good in ["configuration", "data directory", "database", "schema"] {
        assert!(said.lines().any(|line| line.starts_with(&format!("ok    {good} "))), "{good}: {said}");
    }
    let (status, log) = again.stop();
    assert_eq!(status.code(), Some(0), "{log}");
}

async fn files_are_read_again_on_a_signal_and_a_bad_pair_changes_nothing(site: &Site) {
    let settings = site.settings(&[]);
    let settings = borrowed(&settings);
    let server = Serving::start(&settings).await;
    let first = served_fingerprint(server.port).await;

    site.write(&site.pair(false));
    server.signal("HUP");
    let second = until("the new pair is served", PATIENCE, async || {
        Some(served_fingerprint(server.port).await).filter(|served| *served != first)
    })
    .await;

    site.write(&site.pair(true));
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

/// What the program prints, which must succeed.
fn printed(site: &Site, args: &[&str]) -> String {
    let output = run(&borrowed(&site.settings(&[])), args);
    assert!(output.status.success(), "{args:?}: {}", complaint(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs each named test on both databases.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $test() {
                if let Some(site) = super::Site::open(certctl_db::Backend::Sqlite).await { super::$test(&site).await; }
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $test() {
                if let Some(site) = super::Site::open(certctl_db::Backend::Postgres).await { super::$test(&site).await; }
            })*
        }
    };
}

on_both!(
    a_check_of_the_configuration_touches_nothing,
    migrations_go_up_and_down_and_up,
    a_server_comes_back_to_what_it_left,
    files_are_read_again_on_a_signal_and_a_bad_pair_changes_nothing,
);
