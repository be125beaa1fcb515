//! Targets that the server or the agent refuses, and reloads that go wrong: the machine is as it was before, the database
//! knows nothing but that it failed, and whoever asks reads what was in the way and what to do.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certctl_db::Backend;
use certctl_pki::{KeyKind, PrivateKey};
use certctl_testkit::wait;
use serde_json::{Value, json};

use crate::support::database::{Dump, assert_unchanged, changed};
use crate::support::host::Host;
use crate::support::process::{Process, shipped};
use crate::support::server::{SOON, TestServer, certificate};

/// A command is killed after a minute.
const COMMAND_ENDS: Duration = Duration::from_secs(150);
/// What a deployment that failed leaves in the database, besides its audit event.
const OF_A_FAILURE: [&str; 4] = ["deployment_runs", "job_attempts", "jobs", "target_mappings"];

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn settings_that_no_target_may_have() {
        super::settings_that_no_target_may_have(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn places_that_the_agent_does_not_touch() {
        super::places_that_the_agent_does_not_touch(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_reload_that_fails_leaves_the_former_files() {
        super::a_reload_that_fails_leaves_the_former_files(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_reload_that_hangs_is_ended_and_undone() {
        super::a_reload_that_hangs_is_ended_and_undone(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn secrets_that_a_reload_prints_are_nowhere() {
        super::secrets_that_a_reload_prints_are_nowhere(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn settings_that_no_target_may_have() {
        super::settings_that_no_target_may_have(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn places_that_the_agent_does_not_touch() {
        super::places_that_the_agent_does_not_touch(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_reload_that_fails_leaves_the_former_files() {
        super::a_reload_that_fails_leaves_the_former_files(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_reload_that_hangs_is_ended_and_undone() {
        super::a_reload_that_hangs_is_ended_and_undone(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn secrets_that_a_reload_prints_are_nowhere() {
        super::secrets_that_a_reload_prints_are_nowhere(Backend::Postgres).await;
    }
}

async fn settings_that_no_target_may_have(backend: Backend) {
    let Some(stage) = Stage::set(backend).await else { return };
    let server = &stage.server;
    let good = json!({ "cert_path": stage.host.path("live/good/cert.pem") });
    for (field, value) in [
        ("cert_path", json!("live/cert.pem")),
        ("cert_path", json!("/etc/ssl/../shadow")),
        ("cert_path", json!(7)),
        ("key_path", json!("/etc/ssl/a\u{0}b")),
        ("cert_mode", json!("rw-r--r--")),
        ("reload_command", json!("sh -c 'reload; id'")),
        ("reload_command", json!([])),
        ("validate_command", json!(["/bin/x", 1])),
        ("post_deploy_verify.endpoint", json!("no port")),
        ("rleoad_command", json!("/bin/true")),
    ] {
        let mut config = good.clone();
        match field.split_once('.') {
            Some((outer, inner)) => config[outer] = json!({ inner: value }),
            None => config[field] = value.clone(),
        }
        let named = format!("config.{field}");
        let new = json!({ "name": "bad", "type": "File", "agent_id": stage.agent, "config": config });
        let before = server.database.dump().await;
        for (method, path, body) in [
            ("POST", "targets", new),
            ("PUT", "targets/good", json!({ "config": config })),
            ("PATCH", "targets/good", json!({ "config": config })),
        ] {
            let what = format!("{method} {path} with {field} {value}");
            let answer = server.admin(method, path, Some(&body)).await;
            assert!(matches!(answer.status, 400 | 422), "{what}: {answer:?}");
            assert!(answer.fields().contains(&named), "{what}: {answer:?}");
            assert_unchanged(&what, &before, &server.database.dump().await);
        }
    }
}

async fn places_that_the_agent_does_not_touch(backend: Backend) {
    let Some(stage) = Stage::set(backend).await else { return };
    let Some(cli) = shipped("certctl") else { return };
    let host = &stage.host;
    host.make_directory("outside", 0o755);
    host.write("outside/cert.pem", "of somebody else", 0o644);
    let place = |name: &str| {
        host.make_directory(&format!("live/{name}"), 0o755);
        host.path(&format!("live/{name}/cert.pem"))
    };
    let with = |path: PathBuf, more: Value| {
        let mut config = json!({ "cert_path": path });
        config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        config
    };
    let file_link = place("file-link");
    symlink(host.path("outside/cert.pem"), &file_link).expect("a link");
    symlink(host.path("outside"), host.path("live/dir-link")).expect("a link");
    host.make_directory("live/shared", 0o775);
    let foreign = place("foreign");
    host.write("live/foreign/cert.pem", "a list that somebody needs", 0o644);
    host.write("anybodys", "#!/bin/sh\n", 0o777);
    host.allow(&[host.path("anybodys")]);
    let policy = host.path("policy.toml");
    let add_to = |list: &str| format!("add it to {list} in {}", policy.display());
    let cases = [
        ("outside", with(host.path("outside/cert.pem"), json!({})), "outside/cert.pem", add_to("allowed_paths")),
        ("dir-link", with(host.path("live/dir-link/cert.pem"), json!({})), "outside/cert.pem", add_to("allowed_paths")),
        (
            "command",
            with(place("command"), json!({ "reload_command": ["/bin/true", "x"] })),
            "`/bin/true x`",
            add_to("allowed_commands"),
        ),
        (
            "anybodys",
            with(place("anybodys"), json!({ "reload_command": [host.path("anybodys")] })),
            "anybodys",
            "chmod go-w".to_owned(),
        ),
        ("file-link", with(file_link, json!({})), "file-link/cert.pem", "give the path it points to".to_owned()),
        (
            "owner",
            with(place("owner"), json!({ "cert_owner": "root" })),
            "owner/cert.pem",
            "set the owner in the target to the agent's user".to_owned(),
        ),
        (
            "nobody",
            with(place("nobody"), json!({ "cert_owner": "no-such" })),
            "cert_owner",
            "create it or give".to_owned(),
        ),
        ("shared", with(host.path("live/shared/cert.pem"), json!({})), "live/shared", "chmod go-w".to_owned()),
        ("foreign", with(foreign, json!({})), "foreign/cert.pem", "set `adopt` to replace it".to_owned()),
        (
            "verify",
            with(place("verify"), json!({ "post_deploy_verify": { "enabled": true } })),
            "post_deploy_verify.endpoint",
            "give host:port, or set enabled to false".to_owned(),
        ),
    ];
    for (name, config, place, remedy) in cases {
        let (live, outside) = (host.tree("live"), host.tree("outside"));
        let failed = stage.deploy(name, &config, SOON).await;
        let error = failed.error();
        assert!(error.contains(place) && error.contains(&remedy), "{name}: {place} and {remedy} in {error}");
        assert_eq!(failed.job["status"], "Failed", "{name}: {}", failed.job);
        failed.assert_recorded(name);

        let before = stage.server.database.dump().await;
        let told = stage.test(&cli, name).await;
        assert!(told.contains("failed") && told.contains(place) && told.contains(&remedy), "{name}: {told}");
        let mut tables = changed(&before, &stage.server.database.dump().await);
        tables.retain(|table| !["audit_events", "job_attempts", "jobs", "outbox", "targets"].contains(&table.as_str()));
        assert!(tables.is_empty(), "{name}: a test changed {tables:?}");
        assert_eq!((host.tree("live"), host.tree("outside")), (live, outside), "{name}");
        stage.end(failed.agent).await;
    }
}

async fn a_reload_that_fails_leaves_the_former_files(backend: Backend) {
    let Some(stage) = Stage::set(backend).await else { return };
    let failed = stage.reload("fails", "echo 'unknown directive in line 7' >&2; exit 3", SOON).await;
    for words in ["the reload failed", "exit status: 3", "unknown directive in line 7", "the former files are in place"]
    {
        assert!(failed.error().contains(words), "{words} in {}", failed.error());
    }
    stage.host.stop(failed.agent).await;
}

async fn a_reload_that_hangs_is_ended_and_undone(backend: Backend) {
    let Some(stage) = Stage::set(backend).await else { return };
    let failed = stage.reload("hangs", "echo 'waiting for the lock'; sleep 86400; true", COMMAND_ENDS).await;
    for words in ["was killed after 60 s", "waiting for the lock", "the former files are in place"] {
        assert!(failed.error().contains(words), "{words} in {}", failed.error());
    }
    stage.host.stop(failed.agent).await;
}

async fn secrets_that_a_reload_prints_are_nowhere(backend: Backend) {
    let Some(stage) = Stage::set(backend).await else { return };
    let key = stage.host.path("live/talks/key.pem");
    let says = format!(
        "echo 'db_password=hunter2-of-the-host'; echo 'Authorization: Bearer a-bearer-of-secrets' >&2; \
         echo 'it is over'; cat {0}; cat {0} >&2; cp {0} {1}; exit 1",
        key.display(),
        stage.host.path("printed.pem").display()
    );
    let failed = stage.reload("talks", &says, SOON).await;
    let printed = std::fs::read_to_string(stage.host.path("printed.pem")).expect("the new key was there");
    let mut secrets: Vec<&str> = printed.lines().filter(|line| !line.starts_with("-----")).collect();
    assert!(!secrets.is_empty(), "no key was printed");
    secrets.extend(["hunter2-of-the-host", "a-bearer-of-secrets"]);
    assert!(failed.error().contains("it is over") && failed.error().contains("[redacted]"), "{}", failed.error());

    let server = &stage.server;
    let dump = format!("{:?}", server.database.everything().await);
    assert!(dump.contains("it is over"), "the dump lacks what was said");
    let mut seen = vec![("the database", dump), ("the agent's log", failed.agent.log() + &failed.agent.output())];
    seen.push(("the server's log", server.log()));
    for path in ["jobs", "audit", "certificates/web/deployments", "certificates/web/why", "targets", "agents"] {
        seen.push((path, server.read(path).await.to_string()));
    }
    seen.push(("the job", failed.job.to_string()));
    for (place, text) in &seen {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    }
    stage.host.stop(failed.agent).await;
}

/// A server, a machine, and a certificate that was deployed there once. The agent is away.
struct Stage {
    server: TestServer,
    host: Host,
    agent: String,
}

/// A deployment that failed, and the agent that tried.
struct Failed {
    agent: Process,
    job: Value,
    before: Dump,
    after: Dump,
}

impl Failed {
    fn error(&self) -> &str {
        self.job["last_error"].as_str().expect("a cause")
    }

    /// Nothing differs but what a failure leaves, and the audit log tells that the certificate was fetched and not deployed.
    fn assert_recorded(&self, what: &str) {
        let mut changed = changed(&self.before, &self.after);
        // What others are to hear is gone as soon as they have.
        changed.retain(|table| !["audit_events", "outbox"].contains(&table.as_str()));
        assert_eq!(changed, OF_A_FAILURE, "{what}");
        let (before, after) = (&self.before["audit_events"], &self.after["audit_events"]);
        let new = after.iter().filter(|event| !before.contains(event));
        let mut actions: Vec<_> =
            new.filter_map(|event| event.split(' ').next()).map(|first| first.replace('\'', "")).collect();
        actions.sort_unstable();
        assert_eq!(actions, ["action=certificate_retrieved", "action=deployment_failed"], "{what}");
    }
}

impl Stage {
    async fn set(backend: Backend) -> Option<Self> {
        let program = shipped("certctl-agent")?;
        let server = TestServer::start(backend).await?;
        let host = Host::new(&server, &program, "web").await;
        let process = host.start(&[]);
        let agent = host.admitted(&server).await;
        host.make_directory("live/good", 0o755);
        let stage = Self { server, host, agent };
        let live = |name: &str| stage.host.path("live/good").join(name);
        stage.target("good", &json!({ "cert_path": live("cert.pem"), "key_path": live("key.pem") })).await;
        let mut body = certificate("web.example");
        (body["id"], body["target_ids"]) = (json!("web"), json!(["good"]));
        stage.server.made("certificates", &body).await;
        stage.server.made("certificates/web/renew", &json!({})).await;
        wait::until("the certificate is in place", SOON, async || {
            let database = &stage.server.database;
            let quiet = database.count("jobs WHERE completed_at IS NULL").await + database.count("outbox").await == 0;
            (quiet && stage.mapping("good").await["state"] == "not_verified").then_some(())
        })
        .await;
        stage.host.stop(process).await;
        Some(stage)
    }

    async fn target(&self, name: &str, config: &Value) {
        let target = json!({ "id": name, "name": name, "type": "File", "agent_id": self.agent, "config": config });
        self.server.made("targets", &target).await;
    }

    async fn map(&self, targets: &[&str]) {
        let body = json!({ "target_ids": targets });
        self.server.admin("PUT", "certificates/web/targets", Some(&body)).await.ok("mapped");
    }

    async fn mapping(&self, target: &str) -> Value {
        let deployments = self.server.read("certificates/web/deployments").await;
        let deployments = deployments["data"].as_array().expect("deployments").clone();
        deployments.into_iter().find(|one| one["target_id"] == target).unwrap_or_default()
    }

    /// Has the certificate deployed to a new target, which fails. Everything is dumped between the moment when the work is
    /// there and the agent is not, and the moment when the failure is told.
    async fn deploy(&self, name: &str, config: &Value, within: Duration) -> Failed {
        self.target(name, config).await;
        self.map(&["good", name]).await;
        let job = wait::until(&format!("{name}: there is work"), SOON, async || {
            let job = format!("SELECT id FROM jobs WHERE target_id = '{name}' AND state = 'pending'");
            self.server.database.texts(&job).await.pop()
        })
        .await;
        let before = self.server.database.everything().await;
        let agent = self.host.start(&[]);
        wait::until(&format!("{name}: it fails"), within, async || {
            let mapping = self.mapping(name).await;
            assert!(matches!(mapping["state"].as_str(), Some("pending" | "deploying" | "failed")), "{name}: {mapping}");
            (mapping["state"] == "failed").then_some(())
        })
        .await;
        let job = self.server.read(&format!("jobs/{job}")).await;
        let mapping = self.mapping(name).await;
        assert_eq!(mapping["last_error"], job["last_error"], "{name}: {mapping}");
        Failed { agent, job, before, after: self.server.database.everything().await }
    }

    /// Has the certificate deployed over a former pair, with a reload that does this the first time and is content when it
    /// is run again.
    async fn reload(&self, name: &str, does: &str, within: Duration) -> Failed {
        let host = &self.host;
        let once = host.path("once");
        host.write("reload", &format!("#!/bin/sh\n[ -e {0} ] && exit 0\n: > {0}\n{does}\n", once.display()), 0o755);
        host.allow(&[host.path("reload")]);
        host.make_directory(&format!("live/{name}"), 0o750);
        let former = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key").to_pkcs8_pem();
        host.write(&format!("live/{name}/key.pem"), &former, 0o640);
        host.write(&format!("live/{name}/cert.pem"), &self.server.setup.ca().expect("a certificate"), 0o604);
        let live = host.tree("live");
        let place = |file: &str| host.path(&format!("live/{name}/{file}"));
        let config = json!({
            "cert_path": place("cert.pem"), "key_path": place("key.pem"), "reload_command": [host.path("reload")],
        });
        let failed = self.deploy(name, &config, within).await;
        assert!(once.exists(), "{name}: the reload was not run");
        assert_eq!(host.tree("live"), live, "{name}");
        failed.assert_recorded(name);
        let result = &failed.job["result"];
        assert_eq!((&result["outcome"], &result["rolled_back"]), (&json!("failed"), &json!(true)), "{name}: {result}");
        failed
    }

    /// What `certctl target test` says.
    async fn test(&self, cli: &Path, name: &str) -> String {
        let env = [
            ("CERTCTL_SERVER_URL", self.server.setup.url()),
            ("CERTCTL_SERVER_CA_BUNDLE_PATH", self.host.path("ca.pem").display().to_string()),
            ("CERTCTL_API_KEY", self.server.admin.clone()),
            ("HOME", self.host.path("").display().to_string()),
        ];
        let env: Vec<_> = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let log = self.host.path(&format!("test-{name}.log"));
        let mut process = Process::start(cli, &["target", "test", name, "--wait"], &env, &log);
        let ended = process.end("a test of a target", SOON).await;
        assert!(!ended.success(), "{name}: {}", process.output());
        process.output() + &process.log()
    }

    /// Takes the work away, and lets the agent go.
    async fn end(&self, agent: Process) {
        self.map(&["good"]).await;
        wait::until("no work is left", SOON, async || {
            (self.server.database.count("jobs WHERE completed_at IS NULL").await == 0).then_some(())
        })
        .await;
        self.host.stop(agent).await;
    }
}
