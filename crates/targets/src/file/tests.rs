use serde_json::json;

use super::*;
use crate::{
    Policy,
    support::{Authority, Host, chmod, cx},
};

fn site(host: &Host) -> Arc<Site> {
    let policy = Policy::parse(&host.path("policy.toml"), &host.policy()).expect("policy");
    Site::open(&host.state(), policy).expect("site")
}

fn refused(config: Value) -> String {
    let host = Host::new();
    let error = File::new(&site(&host), "tgt_1", &config).err().expect("refused");
    assert_eq!(error.class(), ErrorClass::Config);
    error.message().to_owned()
}

#[test]
fn a_configuration_is_refused_with_every_field_at_once() {
    assert_eq!(
        refused(json!({"key_pth": "/a", "cert_mode": "rw", "post_deploy_verify": {"endpoint": "localhost"}})),
        "key_pth: unknown field; did you mean `key_path`?; cert_path: is required; \
         cert_mode: must be an octal permission such as \"0640\"; \
         post_deploy_verify.endpoint: must be host:port, such as \"127.0.0.1:443\" or \"[::1]:443\""
    );
    assert_eq!(
        refused(json!({"cert_path": "/a/b", "post_deploy_verify": {}})),
        "post_deploy_verify.endpoint: is required to verify; give host:port, or set enabled to false"
    );
}

#[test]
fn every_field_the_schema_knows_is_one_the_target_reads() {
    let all = json!({
        "cert_path": "/a/cert", "cert_content": "leaf", "cert_mode": 420, "cert_owner": "0", "cert_group": "0",
        "key_path": "/a/key", "key_mode": "0600", "key_owner": "root", "key_group": "root",
        "chain_path": "/a/chain", "chain_mode": "0644", "chain_owner": "1", "chain_group": "1",
        "adopt": true, "validate_command": "/bin/x -t", "reload_command": ["/bin/x", "a b"],
        "post_deploy_verify": {
            "enabled": true, "endpoint": "[::1]:443", "server_name": "a.example", "timeout": "1s", "attempts": 1,
            "backoff": 1_000_000, "max_backoff": "1m", "required_successes": 1
        }
    });
    let given: Vec<_> = all.as_object().expect("object").keys().collect();
    let known: std::collections::BTreeSet<_> = SCHEMA.fields.iter().map(|field| field.name.to_owned()).collect();
    assert_eq!(given.into_iter().cloned().collect::<std::collections::BTreeSet<_>>(), known);
    let config: FileConfig = SCHEMA.parse(&all).expect("accepted");
    assert_eq!(config.cert_mode, Some(Mode(0o644)));
    assert_eq!(config.reload_command, Some(Argv(vec!["/bin/x".to_owned(), "a b".to_owned()])));
}

#[test]
fn nothing_in_a_file_target_is_masked() {
    let host = Host::new();
    assert_eq!(SCHEMA.mask(&host.config()), host.config());
}

/// What `config` would meet. Whatever it is, looking leaves every file and directory of the host as it was.
async fn look(host: &Host, config: &Value) -> ProbeReport {
    let target = File::new(&site(host), "tgt_1", config).expect("target");
    let before = host.everything();
    let report = target.validate(&cx()).await.expect("report");
    assert_eq!(host.everything(), before, "a look changes nothing");
    report
}

#[track_caller]
fn finds(report: &ProbeReport, check: &str, words: &str) {
    let findings = report.findings();
    assert!(findings.starts_with(&format!("{check}: ")) && findings.contains(words), "{findings:?}");
}

#[tokio::test]
async fn a_look_at_a_target_that_is_right_finds_nothing_and_tells_what_is_served() {
    let mut host = Host::new();
    host.serve().await;
    let config = host.config();
    let target = File::new(&site(&host), "tgt_1", &config).expect("target");
    target.deploy(&cx(), &Authority::new().material(), &()).await.expect("deployed");

    let report = look(&host, &config).await;
    assert!(report.ok(), "{}", report.findings());
    assert_eq!(report.served_fingerprint, host.served());
    let names: Vec<_> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["path", "path", "path", "command", "command", "handshake"]);
    let told = &report.checks[5].detail;
    assert!(told.contains("serves a certificate for a.example") && told.contains("valid until"), "{told}");
}

#[tokio::test]
async fn a_look_finds_what_a_deployment_would() {
    let host = Host::new();
    assert!(look(&host, &host.config()).await.ok(), "the files need not be there yet");
    let with = |field: &str, value: Value| {
        let mut config = host.config();
        config[field] = value;
        config
    };
    finds(&look(&host, &with("cert_path", json!(host.path("served/cert.pem")))).await, "path", "allowed_paths");
    finds(&look(&host, &with("key_path", json!("/nowhere/at/all/key.pem"))).await, "path", "create it");
    finds(
        &look(&host, &with("chain_path", json!(host.path("live/key.pem")))).await,
        "path",
        "destination of two files",
    );
    finds(&look(&host, &with("key_owner", json!("no-such-user"))).await, "path", "is not in /etc/passwd");
    finds(&look(&host, &with("reload_command", json!("/bin/false"))).await, "command", "does not allow `/bin/false`");
    std::fs::remove_file(host.path("validate")).expect("removed");
    finds(&look(&host, &host.config()).await, "command", "validate");
}

#[tokio::test]
async fn a_look_finds_files_that_a_deployment_would_not_replace() {
    let host = Host::new();
    std::fs::write(host.path("live/cert.pem"), "somebody's notes").expect("written");
    finds(&look(&host, &host.config()).await, "path", "was not made by certctl");
    std::fs::remove_file(host.path("live/cert.pem")).expect("removed");
    std::os::unix::fs::symlink(host.path("served/cert.pem"), host.path("live/cert.pem")).expect("link");
    finds(&look(&host, &host.config()).await, "path", "is a symbolic link");
}

#[tokio::test]
async fn a_look_finds_owners_and_directories_that_the_agent_has_no_right_to() {
    if crate::site::own_uid() == 0 {
        return;
    }
    let host = Host::new();
    let mut config = host.config();
    config["key_owner"] = json!("root");
    finds(&look(&host, &config).await, "path", "set the owner in the target to the agent's user");
    chmod(&host.path("live"), 0o555);
    finds(&look(&host, &host.config()).await, "path", "give the agent's user access");
    chmod(&host.path("live"), 0o775);
    finds(&look(&host, &host.config()).await, "path", "writable by group or others");
}

#[tokio::test]
async fn a_look_finds_an_endpoint_that_completes_no_handshake() {
    let mut host = Host::new();
    host.serve().await;
    finds(&look(&host, &host.config()).await, "handshake", "does not complete a TLS handshake");
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind").local_addr().expect("address");
    host.endpoint = nobody.to_string();
    finds(&look(&host, &host.config()).await, "handshake", "nothing listens there");
}

#[tokio::test]
async fn an_owner_the_agent_cannot_give_is_refused_before_anything_is_replaced() {
    if crate::site::own_uid() == 0 {
        return;
    }
    let host = Host::new();
    let mut config = host.config();
    config["key_owner"] = json!("root");
    let target = File::new(&site(&host), "tgt_1", &config).expect("target");
    let error = target.deploy(&cx(), &Authority::new().material(), &()).await.expect_err("not permitted");
    assert_eq!(error.class(), ErrorClass::Config);
    assert!(error.message().contains("set the owner in the target to the agent's user"), "{error}");
    assert!(host.live().is_empty());
}

#[tokio::test]
#[ignore = "needs root"]
async fn needs_root_owners_and_groups_are_given_by_name() {
    let host = Host::new();
    let mut config = host.config();
    config["key_owner"] = json!("daemon");
    config["key_group"] = json!("1");
    let target = File::new(&site(&host), "tgt_1", &config).expect("target");
    target.deploy(&cx(), &Authority::new().material(), &()).await.expect("deployed");
    let live = host.live();
    let (_, mode, uid, gid) = live["key.pem"];
    assert_eq!((mode, uid, gid), (0o600, 1, 1));

    // A directory that belongs to somebody else could be emptied and refilled by them.
    std::os::unix::fs::chown(host.path("live"), Some(1), None).expect("chown");
    let error = target.deploy(&cx(), &Authority::new().material(), &()).await.expect_err("foreign directory");
    assert!(error.message().contains("belongs neither to root nor to the agent's own user"), "{error}");
}

#[test]
fn unknown_owners_are_named() {
    let trouble = owner::user("key_owner", Some("no-such-user")).expect_err("unknown");
    assert!(trouble.message.starts_with("key_owner: \"no-such-user\" is not in /etc/passwd"), "{}", trouble.message);
    assert_eq!(owner::user("key_owner", Some("root")).expect("root"), Some(0));
    assert_eq!(owner::group("key_group", Some("77")).expect("number"), Some(77));
}
