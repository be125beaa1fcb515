use super::*;

fn read(vars: &[(&str, &str)]) -> (Result<Config, Vec<String>>, Vec<String>) {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (config, warnings) = Config::read(vars);
    (config.map_err(|problems| problems.iter().map(ToString::to_string).collect()), warnings)
}

#[test]
fn nothing_set_is_a_configuration() {
    let (config, warnings) = read(&[]);
    let config = config.expect("defaults");
    assert_eq!(config.server, "https://localhost:8443");
    assert_eq!(config.state_dir, Path::new("/var/lib/certctl/agent"));
    assert_eq!(config.key_dir, Path::new("/var/lib/certctl/keys"));
    assert_eq!(config.policy_path, Path::new("/etc/certctl/agent-policy.toml"));
    assert_eq!((config.poll_interval, config.heartbeat_interval), (Duration::from_secs(30), Duration::from_secs(60)));
    assert_eq!(config.name, config.hostname);
    assert!(matches!(config.admission, Admission::Enrol { token: None }));
    assert!(warnings.is_empty());
}

#[test]
fn every_problem_is_told_at_once() {
    let (config, warnings) = read(&[
        ("CERTCTL_SERVER_URL", "http://a.example"),
        ("CERTCTL_API_KEY", "secret-value"),
        ("CERTCTL_KEY_DIR", "keys"),
        ("CERTCTL_POLL_INTERVAL", "soon"),
        ("CERTCTL_LOG_LEVEL", "loud"),
        ("CERTCTL_SERVER_CA_BUNDLE_PATH", "/nowhere/ca.pem"),
        ("CERTCTL_AGENT_NAM", "x"),
    ]);
    let problems = config.expect_err("problems");
    let names: Vec<_> = problems.iter().map(|problem| problem.split([':', ' ']).next().unwrap_or_default()).collect();
    assert_eq!(
        names,
        [
            "CERTCTL_SERVER_URL",
            "CERTCTL_SERVER_CA_BUNDLE_PATH",
            "CERTCTL_KEY_DIR",
            "CERTCTL_API_KEY",
            "CERTCTL_POLL_INTERVAL",
            "CERTCTL_LOG_LEVEL"
        ]
    );
    assert!(problems.iter().all(|problem| !problem.contains("secret-value")));
    assert_eq!(warnings, ["CERTCTL_AGENT_NAM is not a setting of this product; did you mean CERTCTL_AGENT_NAME?"]);
}

#[test]
fn a_secret_may_come_from_a_file() {
    let file = tempfile::NamedTempFile::new().expect("file");
    fs::write(file.path(), "token\n").expect("token");
    let path = file.path().to_str().expect("path");
    let (config, _) = read(&[("CERTCTL_AGENT_BOOTSTRAP_TOKEN_FILE", path)]);
    let Admission::Enrol { token: Some(token) } = config.expect("config").admission else { panic!("no token") };
    assert_eq!(secrecy::ExposeSecret::expose_secret(&token), "token");
}

#[test]
fn the_debug_form_shows_no_secret() {
    let (config, _) = read(&[("CERTCTL_AGENT_ID", "agt_1"), ("CERTCTL_API_KEY", "secret-value")]);
    assert!(!format!("{config:?}").contains("secret-value"));
}
