//! Whose server, whose key: login, precedence, and what is looked at when something is wrong.

use expect_test::expect;
use serde_json::json;

use super::peer::{Peer, job, problem};
use super::{Around, mode, text};

#[tokio::test]
async fn a_foreign_server_gets_no_request_and_the_hint_names_the_remedy() {
    let (peer, other) = (Peer::start(&[]).await, Peer::start(&[]).await);
    let foreign = other.home.path().join("ca.pem");
    let ended = peer.certctl(&format!("job get j --ca-bundle {} --api-key-stdin", foreign.display())).await;
    assert_eq!(ended.code, 2, "no key on stdin: {}", ended.err);
    let words = format!("job get j --ca-bundle {} --api-key-stdin", foreign.display());
    let ended = peer.certctl_in(&words, Around { input: "cck_secret\n", ..Default::default() }).await;
    assert_eq!((ended.code, peer.requests().len()), (11, 0));
    let (_, hint) = ended.err.split_once('\n').expect("two lines");
    expect![[r#"
        hint: name the server's CA with --ca-bundle FILE (certctl doctor looks at each layer)
    "#]]
    .assert_eq(hint);
}

#[tokio::test]
async fn login_checks_the_key_and_remembers_it_privately() {
    let check = json!({ "status": "authenticated", "user": "ops", "admin": true, "roles": ["r-admin"] });
    let peer = Peer::start(&[
        ("GET /api/v1/auth/check", &[(200, check)]),
        ("GET /api/v1/jobs/j", &[(200, job("j", "Completed", None))]),
    ])
    .await;
    let dir = peer.home.path().join(".config/certctl");
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::write(dir.join("config.toml"), "# mine\n[output]\nformat = \"name\"\n").expect("a file");
    let ended =
        peer.certctl_in("login --api-key-stdin -o table", Around { input: "cck_1\n", ..Default::default() }).await;
    assert_eq!(ended.code, 0, "{}", ended.err);
    let written = text(&dir.join("config.toml"));
    let (ca, url) = (peer.home.path().join("ca.pem").display().to_string(), peer.server.url());
    expect![[r#"
        current_context = "localhost"
        # mine
        [output]
        format = "name"

        [contexts.localhost]
        server = "URL"
        ca_bundle = "CA"
        auth = { key_file = "localhost.key" }
    "#]]
    .assert_eq(&written.replace(&ca, "CA").replace(&url, "URL"));
    assert_eq!((mode(&dir.join("config.toml")), mode(&dir.join("localhost.key"))), (0o600, 0o600));
    assert!(!ended.out.contains("cck_1") && !ended.err.contains("cck_1"));

    let home = peer.home.path().display().to_string();
    let ended = super::certctl("job get j", Around { env: &[("HOME", &home)], ..Default::default() }).await;
    assert_eq!((ended.out.as_str(), ended.code), ("j\n", 0), "context and format of the file: {}", ended.err);
    expect!["GET /api/v1/jobs/j [Bearer cck_1]"].assert_eq(&peer.requests()[1]);

    let ended = peer.certctl("login --insecure --api-key k").await;
    assert_eq!(ended.code, 2, "a key is not sent to just anybody");
    let again =
        peer.certctl_in("login --context lab", Around { env: &[("CERTCTL_API_KEY", "cck_2")], ..Default::default() });
    assert_eq!(again.await.code, 0);
    let written = text(&dir.join("config.toml"));
    assert!(written.contains("[contexts.localhost]") && written.contains("[contexts.lab]"), "{written}");
    assert!(written.contains("current_context = \"lab\""), "{written}");
}

#[tokio::test]
async fn a_refused_key_is_not_remembered() {
    let peer =
        Peer::start(&[("GET /api/v1/auth/check", &[(401, problem(401, "unauthorized", "Invalid API key"))])]).await;
    let ended = peer.certctl("login --api-key wrong").await;
    assert_eq!(ended.code, 3);
    expect![[r#"
        warning: --api-key shows the key in process lists; prefer --api-key-file or CERTCTL_API_KEY
        error: Invalid API key
        hint: give a valid key: certctl login, --api-key-file FILE or CERTCTL_API_KEY
        request id: req-1
    "#]]
    .assert_eq(&ended.err);
    assert!(!peer.home.path().join(".config").exists());
}

#[tokio::test]
async fn flag_before_environment_before_context() {
    let peer = Peer::start(&[("GET /api/v1/jobs/j", &[(200, job("j", "Completed", None))])]).await;
    let config = peer.home.path().join("config.toml");
    let body = format!(
        "current_context = \"a\"\n[contexts.a]\nserver = \"{}\"\nca_bundle = \"ca.pem\"\nauth = {{ key_file = \"a.key\" }}\n",
        peer.server.url()
    );
    std::fs::write(&config, body).expect("a file");
    std::fs::write(peer.home.path().join("a.key"), "from-context\n").expect("a file");
    super::set_mode(&peer.home.path().join("a.key"), 0o600);
    std::fs::write(peer.home.path().join("f.key"), "from-flag\n").expect("a file");
    let config = config.display().to_string();
    let flag = format!("job get j --api-key-file {}", peer.home.path().join("f.key").display());
    for (words, env, key) in [
        ("job get j", &[("CERTCTL_CONFIG", config.as_str())][..], "from-context"),
        ("job get j", &[("CERTCTL_CONFIG", config.as_str()), ("CERTCTL_API_KEY", "from-env")], "from-env"),
        (flag.as_str(), &[("CERTCTL_CONFIG", config.as_str()), ("CERTCTL_API_KEY", "from-env")], "from-flag"),
    ] {
        let ended = super::certctl(words, Around { env, ..Default::default() }).await;
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(peer.requests().last().is_some_and(|request| request.contains(key)), "{key}: {:?}", peer.requests());
    }
}

#[tokio::test]
async fn the_key_of_a_context_is_for_its_server_alone() {
    let peer = Peer::start(&[("GET /api/v1/jobs/j", &[(200, job("j", "Completed", None))])]).await;
    let config = peer.home.path().join("c.toml");
    std::fs::write(
        &config,
        "current_context = \"p\"\n[contexts.p]\nserver = \"https://prod.example\"\nauth = { key_file = \"k\" }\n",
    )
    .expect("a file");
    let config = config.display().to_string();
    let ended =
        peer.certctl_in("job get j", Around { env: &[("CERTCTL_CONFIG", &config)], ..Default::default() }).await;
    assert_eq!(ended.err, "warning: the context's key is for https://prod.example and is not sent to another server\n");
    assert_eq!(peer.requests(), ["GET /api/v1/jobs/j"]);
}

#[tokio::test]
async fn doctor_looks_at_each_layer_and_ends_with_20_on_a_finding() {
    let me = json!({ "actor_id": "ops", "actor_type": "APIKey", "tenant_id": "t-default", "admin": true, "roles": ["r-admin"], "effective_permissions": [] });
    let healthy: &[(&str, &[(u16, serde_json::Value)])] =
        &[("GET /health", &[(200, json!({ "status": "healthy" }))]), ("GET /api/v1/auth/me", &[(200, me)])];
    let peer = Peer::start(healthy).await;
    let env = &[("CERTCTL_API_KEY", "k")];
    let ended = peer.certctl_in("doctor", Around { env, ..Default::default() }).await;
    let words: Vec<_> =
        ended.out.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(ended.code, 0, "{}", ended.out);
    expect!["note configuration, ok dns, ok tcp, ok tls, ok http, ok clock, ok credential, note aia/cdp"]
        .assert_eq(&words.join(", "));

    let late = Peer::start_at(healthy, super::http_date(600)).await;
    let ended = late.certctl("doctor").await;
    assert_eq!(ended.code, 20);
    assert!(ended.out.contains("FAIL  clock          600 s apart"), "{}", ended.out);

    let nobody = Peer::start(&[
        ("GET /health", &[(200, json!({ "status": "healthy" }))]),
        ("GET /api/v1/auth/me", &[(401, problem(401, "unauthorized", "Authorization header required"))]),
    ])
    .await;
    let ended = nobody.certctl("doctor -o name").await;
    assert_eq!((ended.code, ended.out.as_str()), (20, "credential\n"));
    let ended = nobody.certctl("doctor -o json --context nowhere").await;
    assert_eq!(ended.code, 20);
    let read: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(read[1]["result"], json!("finding"));
}

#[tokio::test]
async fn versions_of_both_ends() {
    let peer = Peer::start(&[("GET /api/v1/version", &[(200, json!({ "version": "0.1.0", "commit": "abc" }))])]).await;
    assert_eq!(
        peer.certctl("version").await.out,
        format!("certctl  {}\nserver   0.1.0 abc\n", env!("CARGO_PKG_VERSION"))
    );
    let silent = Peer::start(&[]).await;
    let ended = silent.certctl("version -o name").await;
    assert_eq!((ended.code, ended.out.trim()), (0, env!("CARGO_PKG_VERSION")));
    assert!(ended.err.starts_with("server: "), "{}", ended.err);
}
