use std::ffi::OsString;
use std::path::Path;

use super::*;

const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);

fn load(purpose: Purpose, vars: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let vars = vars.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::load(vars, None, purpose, NOW).map_err(|refused| refused.0.into_iter().map(|problem| problem.0).collect())
}

fn refusals(vars: &[(&str, &str)]) -> Vec<String> {
    load(Purpose::Serve, vars).expect_err("the configuration is refused")
}

fn load_file(text: &str) -> Result<Config, Vec<String>> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("written");
    let refused = Config::load([], Some(file.path().to_owned()), Purpose::Serve, NOW);
    refused.map_err(|refused| refused.0.into_iter().map(|problem| problem.0).collect())
}

#[test]
fn nothing_set_is_a_complete_configuration() {
    let config = load(Purpose::Serve, &[]).expect("accepted");
    assert_eq!(config.data_dir, Path::new("/var/lib/certctl"));
    assert_eq!((config.listener.host.as_str(), config.listener.port), ("127.0.0.1", 8443));
    assert!(config.listener.is_loopback() && config.database.is_sqlite() && config.listener.tls.is_none());
    assert_eq!(config.database.url.to_string(), "sqlite:/var/lib/certctl/certctl.db");
    assert_eq!((config.limits.rps, config.limits.burst, config.limits.agent_rps), (50, 100, 10));
    assert!(config.warnings.is_empty());
}

#[test]
fn systemd_names_the_data_directory_unless_somebody_else_does() {
    let config = load(Purpose::Serve, &[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")]).expect("accepted");
    assert_eq!(config.data_dir, Path::new("/var/lib/a"));
    let both = [("STATE_DIRECTORY", "/var/lib/a"), ("CERTCTL_DATA_DIR", "/srv/c")];
    assert_eq!(load(Purpose::Serve, &both).expect("accepted").data_dir, Path::new("/srv/c"));
}

#[test]
fn on_postgresql_everything_that_replicas_share_is_needed_and_all_of_it_named_at_once() {
    let problems = refusals(&[("CERTCTL_DATABASE_URL", "postgres://u:secret@localhost/certctl")]);
    for name in ["CERTCTL_CONFIG_ENCRYPTION_KEY", "CERTCTL_SERVER_TLS_CERT_PATH", "CERTCTL_BOOTSTRAP_TOKEN"] {
        assert!(problems.iter().any(|problem| problem.starts_with(name)), "{name} in {problems:?}");
    }
    assert_eq!(problems.len(), 3);
    assert!(!problems.concat().contains("secret"));
}

#[test]
fn every_gate_speaks_in_one_report() {
    let problems = refusals(&[
        ("CERTCTL_SERVER_PORT", "0"),
        ("CERTCTL_LOG_LEVEL", "loud"),
        ("CERTCTL_LOG_FORMAT", "xml"),
        ("CERTCTL_AUTH_TYPE", "jwt"),
        ("CERTCTL_AUTH_SECRET", "change-me-in-production"),
        ("CERTCTL_CONFIG_ENCRYPTION_KEY", "short"),
        ("CERTCTL_CORS_ORIGINS", "*"),
        ("CERTCTL_KEYGEN_MODE", "server"),
        ("CERTCTL_RATE_LIMIT_BACKEND", "postgres"),
        ("CERTCTL_AGENT_BOOTSTRAP_TOKEN_DENY_EMPTY", "false"),
        ("CERTCTL_SCHEDULER_RENEWAL_CHECK_INTERVAL", "30s"),
        ("CERTCTL_SCHEDULER_RETRY_INTERVAL", "100ms"),
        ("CERTCTL_API_KEYS_NAMED", "a:k1:admin,a:k2,b"),
        ("CERTCTL_DATABASE_MAX_CONNS", "0"),
        ("CERTCTL_SERVER_TLS_CERT_PATH", "/nowhere/tls.crt"),
        ("CERTCTL_SERVER_TLS_KEY_PATH", "/nowhere/tls.key"),
        ("CERTCTL_EST_ENABLED", "true"),
        ("CERTCTL_TRUSTED_PROXIES", "10.0.0.0/33"),
    ]);
    for part in [
        "CERTCTL_SERVER_PORT: \"0\" must be a whole number from 1 to 65535",
        "CERTCTL_LOG_LEVEL: \"loud\"",
        "CERTCTL_LOG_FORMAT: \"xml\"",
        "CERTCTL_AUTH_TYPE: \"jwt\" is not supported",
        "CERTCTL_AUTH_SECRET: is the placeholder",
        "CERTCTL_CONFIG_ENCRYPTION_KEY: is shorter than 32 bytes",
        "CERTCTL_CORS_ORIGINS: \"*\" lets every web page",
        "CERTCTL_KEYGEN_MODE: \"server\"",
        "CERTCTL_RATE_LIMIT_BACKEND: \"postgres\" needs PostgreSQL",
        "CERTCTL_AGENT_BOOTSTRAP_TOKEN_DENY_EMPTY: false",
        "CERTCTL_SCHEDULER_RENEWAL_CHECK_INTERVAL: \"30s\" must be at least 1m",
        "CERTCTL_SCHEDULER_RETRY_INTERVAL: \"100ms\" must be at least 1s",
        "CERTCTL_API_KEYS_NAMED: a is an administrator in one entry",
        "CERTCTL_API_KEYS_NAMED: entry 3 must be name:key",
        "CERTCTL_DATABASE_MAX_CONNS: \"0\"",
        "CERTCTL_SERVER_TLS_CERT_PATH: the file /nowhere/tls.crt cannot be read",
        "CERTCTL_SERVER_TLS_KEY_PATH: the file /nowhere/tls.key cannot be read",
        "CERTCTL_EST_ENABLED: not part of this version",
        "CERTCTL_TRUSTED_PROXIES: \"10.0.0.0/33\"",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(part)), "{part} in {problems:#?}");
    }
}

#[test]
fn types_of_a_later_version_are_refused() {
    for word in ["none", "oidc", "gateway"] {
        let problems = refusals(&[("CERTCTL_AUTH_TYPE", word)]);
        assert!(problems[0].contains("is not part of this version"), "{problems:?}");
    }
    assert!(refusals(&[("CERTCTL_AUTH_TYPE", "ldap")])[0].contains("valid: [\"api-key\"]"));
}

#[test]
fn a_demonstration_is_acknowledged_for_a_day() {
    let demo = |since: &str| {
        let vars = [
            ("CERTCTL_DEMO_MODE_ACK", "true"),
            ("CERTCTL_DEMO_MODE_ACK_TS", since),
            ("CERTCTL_AUTH_SECRET", "change-me-in-production"),
            ("CERTCTL_CORS_ORIGINS", "*"),
        ];
        load(Purpose::Serve, &vars)
    };
    assert!(demo("1799999000").expect("accepted").auth.demo);
    for (since, part) in [("", "required"), ("1799000000", "24 hours"), ("1800000100", "future"), ("now", "must be")] {
        let problems = demo(since).expect_err("refused");
        assert!(problems.iter().any(|problem| problem.contains(part)), "{problems:?}");
    }
}

#[test]
fn a_plain_connection_stays_near() {
    let far = "postgres://u:p@db.example.com/x?sslmode=disable";
    let name = "CERTCTL_DATABASE_URL";
    let far_refused = load(Purpose::Migrate, &[(name, far)]).expect_err("refused");
    assert!(far_refused[0].contains("CERTCTL_DATABASE_ALLOW_PLAINTEXT=true"), "{far_refused:?}");
    let accepted = load(Purpose::Migrate, &[(name, far), ("CERTCTL_DATABASE_ALLOW_PLAINTEXT", "true")]);
    assert!(accepted.expect("accepted").warnings[0].contains("db.example.com"));
    let near = "postgres://u:p@certctl-postgres/x?sslmode=disable";
    assert!(load(Purpose::Migrate, &[(name, near)]).is_ok());
}

#[test]
fn a_migration_needs_the_database_and_nothing_else() {
    let vars = [("CERTCTL_DATABASE_URL", "postgres://u:p@localhost/x"), ("CERTCTL_AUTH_TYPE", "jwt")];
    assert!(load(Purpose::Migrate, &vars).is_ok());
    let problems = load(Purpose::Migrate, &[("CERTCTL_DATABASE_URL", "mysql://h/x")]).expect_err("refused");
    assert!(problems[0].starts_with("CERTCTL_DATABASE_URL: the database URL must start with"), "{problems:?}");
}

#[test]
fn the_password_has_its_own_variable() {
    let vars =
        [("CERTCTL_DATABASE_URL", "postgres://u:$(POSTGRES_PASSWORD)@localhost/x"), ("POSTGRES_PASSWORD", "p@ss/w:rd")];
    let config = load(Purpose::Migrate, &vars).expect("accepted");
    assert_eq!(config.database.url.host().as_deref(), Some("localhost"));
    let problems = load(Purpose::Migrate, &vars[..1]).expect_err("refused");
    assert!(problems[0].starts_with("POSTGRES_PASSWORD: required"), "{problems:?}");
}

#[test]
fn the_file_gives_what_the_environment_does_not() {
    let config = load_file("[server]\nport = 9000\ncors_origins = [\"https://a.example\", \"https://b.example\"]\n");
    let config = config.expect("accepted");
    assert_eq!(config.listener.port, 9000);
    assert_eq!(config.listener.cors_origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn a_key_that_nobody_knows_stops_the_server() {
    let problems = load_file("[server]\nprot = 1\n[otel]\nenabled = true\n").expect_err("refused");
    assert_eq!(problems[0], "--config: unknown key otel.enabled");
    assert_eq!(problems[1], "--config: unknown key server.prot; did you mean server.port?");
    let later = load_file("[server]\notel_enabled = true\n").expect_err("refused");
    assert_eq!(later, ["--config: server.otel_enabled is not part of this version; remove it"]);
    let bad = load_file("[log]\nlevel = \"loud\"\n").expect_err("refused");
    assert!(bad[0].starts_with("CERTCTL_LOG_LEVEL (key log.level of the configuration file): \"loud\""), "{bad:?}");
    let broken = load_file("[server]\nport = \n").expect_err("refused");
    assert!(broken[0].contains("line 2"), "{broken:?}");
}
