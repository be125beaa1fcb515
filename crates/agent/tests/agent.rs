//! The whole agent against a server that keeps what it was told.

#[expect(unreachable_pub, reason = "shared with the crash test")]
mod support;

use std::{
    collections::BTreeSet,
    fs,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::PathBuf,
    time::{Duration, Instant},
};

use certctl_agent::Config;
use certctl_pki::San;
use serde_json::json;
use support::{CERTIFICATE, Server, names};
use tokio::{sync::oneshot, task::JoinHandle};

/// An agent under way.
struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        tokio::time::timeout(Duration::from_secs(10), self.ended).await.expect("the agent ends").expect("no panic")
    }
}

fn config(vars: Vec<(String, String)>) -> Config {
    let (config, warnings) = Config::read(vars);
    assert_eq!(warnings, Vec::<String>::new());
    config.unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn start(server: &Server) -> Running {
    start_with(server.vars())
}

fn start_with(vars: Vec<(String, String)>) -> Running {
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(Box::pin(certctl_agent::run(config(vars), async {
        let _ = stopped.await;
    })));
    Running { stop, ended }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_asked_for_installed_and_reported() {
    let server = Server::start().await;
    server.ask_for_certificate("job_1");
    let agent = start(&server);
    server.wait_until("deployed", |world| world.result("job_1_deploy").is_some()).await;
    agent.stop().await.expect("clean end");

    let report = server.result("job_1_deploy").expect("report");
    assert_eq!((report.status.as_str(), report.error), ("Completed", None));
    let result = report.result.expect("result");
    assert_eq!(result.outcome, "deployed");
    let leaf = server.installed().expect("installed");
    assert_eq!(result.deployed_fingerprint, Some(leaf.fingerprint_sha256()));
    let steps: BTreeSet<_> = result.steps.iter().map(|step| step.name.as_str()).collect();
    assert!(steps.contains("rename") && steps.contains("reload"), "{steps:?}");

    // The key is where it belongs, for the agent alone, and marked as the one in use.
    let dir = server.path("keys").join(CERTIFICATE);
    let spki = leaf.public_key().spki_sha256_hex();
    let there: BTreeSet<_> = names(&dir).into_iter().collect();
    assert_eq!(there, [format!("{spki}.key"), "current".to_owned(), "keys.json".to_owned()].into());
    let mode = |path: &std::path::Path| fs::metadata(path).expect("file").permissions().mode() & 0o7777;
    assert_eq!((mode(&dir), mode(&dir.join(format!("{spki}.key")))), (0o700, 0o600));
    let current = fs::read_link(dir.join("current")).expect("link");
    assert_eq!(current.to_str(), Some(format!("{spki}.key").as_str()));
    assert_eq!(fs::read_to_string(server.path("live/key.pem")).ok(), server.current_key());
    assert_eq!(mode(&server.path("state/identity.json")), 0o600);
    assert!(server.world().heartbeats >= 1);
    assert!(!server.world().by_key, "the certificate speaks, not the key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_looked_at_and_nothing_is_changed() {
    let server = Server::start().await;
    let agent = start(&server);
    server.ask_for_test("job_right", &server.path("live/cert.pem"));
    server.ask_for_test("job_wrong", &server.path("elsewhere.pem"));
    let told = |world: &support::World| world.result("job_right").is_some() && world.result("job_wrong").is_some();
    server.wait_until("both are reported", told).await;
    agent.stop().await.expect("clean end");

    let right = server.result("job_right").expect("report");
    assert_eq!((right.status.as_str(), right.error), ("Completed", None));
    let checks = right.result.expect("result").steps;
    let checks: Vec<_> = checks.iter().map(|check| (check.name.as_str(), check.outcome.as_str())).collect();
    assert_eq!(checks, [("path", "ok")]);
    let wrong = server.result("job_wrong").expect("report");
    let cause = wrong.error.expect("a cause");
    assert!(wrong.status == "Failed" && cause.contains("allowed_paths"), "{cause}");
    assert_eq!(wrong.result.expect("result").error_class.as_deref(), Some("config"));
    assert!(names(&server.path("live")).is_empty() && names(&server.path("state/targets")).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewals_keep_the_key_before_and_remove_older_ones() {
    let server = Server::start().await;
    let agent = start(&server);
    for job in ["job_1", "job_2", "job_3"] {
        server.ask_for_certificate(job);
        let deploy = format!("{job}_deploy");
        server.wait_until(&deploy, |world| world.result(&deploy).is_some()).await;
    }
    agent.stop().await.expect("clean end");
    let keys: Vec<_> = server.world().requests.iter().map(spki).collect();
    let kept = names(&server.path("keys").join(CERTIFICATE));
    assert_eq!(keys.len(), 3);
    for (key, stays) in keys.iter().zip([false, true, true]) {
        assert_eq!(kept.contains(&format!("{key}.key")), stays, "{key}");
    }
    assert_eq!(server.installed().expect("leaf").public_key().spki_sha256_hex(), keys[2]);
}

fn spki(ask: &certctl_wire::CsrSubmit) -> String {
    certctl_pki::Csr::parse_pem(&ask.csr_pem).expect("request").public_key().spki_sha256_hex()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_are_asked_for_again_with_the_same_key() {
    let server = Server::start().await;
    server.world().lost.extend([
        ("register", 3),
        ("resume", 1),
        ("csr", 3),
        ("work", 1),
        ("certificate", 1),
        ("status", 1),
    ]);
    server.ask_for_certificate("job_1");
    let agent = start(&server);
    let done = |world: &support::World| {
        world.requests.len() >= 4 && world.result("job_1_deploy").is_some_and(|report| report.status == "Completed")
    };
    server.wait_until("deployed", done).await;
    agent.stop().await.expect("clean end");
    let world = server.world();
    let distinct = |texts: Vec<&String>| texts.into_iter().collect::<BTreeSet<_>>().len();
    assert!(world.registrations.len() >= 4);
    assert_eq!(distinct(world.registrations.iter().map(|ask| &ask.csr_pem).collect()), 1);
    assert_eq!(distinct(world.requests.iter().map(|ask| &ask.csr_pem).collect()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_is_reported_by_the_next_run_when_this_one_cannot() {
    let server = Server::start().await;
    server.world().results_refused = true;
    server.ask_for_certificate("job_1");
    let agent = start(&server);
    let begun = |world: &support::World| world.reports.iter().any(|(job, _)| job == "job_1_deploy");
    server.wait_until("begun", begun).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !fs::read_to_string(server.path("state/journal.jsonl")).is_ok_and(|text| text.contains("\"result\"")) {
        assert!(Instant::now() < deadline, "the result never reached the journal");
        tokio::task::yield_now().await;
    }
    agent.stop().await.expect("clean end");
    assert_eq!(server.result("job_1_deploy"), None);

    // What is owed is not worked on again, although the server would give it out to whoever holds nothing.
    let agent = start(&server);
    server.ask_for_test("job_2", &server.path("live/cert.pem"));
    server.wait_until("other work is begun", |world| world.begun("job_2") > 0).await;
    assert_eq!(server.result("job_1_deploy"), None);
    assert_eq!(server.world().begun("job_1_deploy"), 1);
    server.world().results_refused = false;
    server.wait_until("reported", |world| world.result("job_1_deploy").is_some()).await;
    agent.stop().await.expect("clean end");
    assert_eq!(server.result("job_1_deploy").expect("report").status, "Completed");
    assert_eq!(server.world().begun("job_1_deploy"), 1);
    assert_eq!(server.world().registrations.len(), 1, "the identity is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_begun_as_soon_as_the_server_can_say_that_it_is_ours() {
    let server = Server::start().await;
    server.ask_for_certificate("job_1");
    server.world().lost.insert("status", 2);
    let agent = start(&server);
    // Sooner than its lease is over.
    server.wait_until("deployed", |world| world.result("job_1_deploy").is_some()).await;
    agent.stop().await.expect("clean end");
    let report = server.result("job_1_deploy").expect("report");
    assert_eq!((report.status.as_str(), report.lease_epoch), ("Completed", Some(1)), "it was given out once");
    assert_eq!(server.world().begun("job_1_deploy"), 3, "asked until it was answered");
    assert!(server.installed().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_cannot_be_begun_is_in_nobodys_way_when_its_lease_is_over() {
    let server = Server::start().await;
    server.world().lost.insert("status", usize::MAX);
    server.world().leases_over = true;
    // As many as are worked on at a time.
    let stuck = ["job_1", "job_2", "job_3", "job_4"];
    for job in stuck {
        server.ask_for_test(job, &server.path("live/cert.pem"));
    }
    let agent = start(&server);
    server.wait_until("each is asked for", |world| stuck.iter().all(|job| world.begun(job) > 0)).await;
    server.ask_for_test("job_5", &server.path("live/cert.pem"));
    server.wait_until("other work is taken up", |world| world.begun("job_5") > 0).await;
    agent.stop().await.expect("clean end");
}

/// A pipe, and its writing end as soon as somebody reads at the other one.
struct Pipe(PathBuf);

impl Pipe {
    fn make(path: PathBuf) -> Self {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
        Self(path)
    }

    async fn read_from(&self) -> OwnedFd {
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(end) = rustix::fs::open(&self.0, flags, rustix::fs::Mode::empty()) {
                return end;
            }
            assert!(Instant::now() < deadline, "nobody reads {}", self.0.display());
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_hangs_ends_within_its_budget_and_holds_up_nothing_else() {
    let server = Server::start().await;
    let agent = start(&server);
    server.wait_until("alive", |world| world.heartbeats > 0).await;
    // As a mount that does not answer: whoever reads what is kept of this target waits for ever.
    let dead = Pipe::make(server.path("state/targets/tgt_dead.json"));
    server.ask_for_look("job_dead", "tgt_dead", json!({ "cert_path": server.path("live/dead.pem") }));
    let held = dead.read_from().await;

    server.ask_for_certificate("job_1");
    server.ask_for_test("job_well", &server.path("live/cert.pem"));
    let others = |world: &support::World| world.result("job_1_deploy").is_some() && world.result("job_well").is_some();
    server.wait_until("other work is done", others).await;
    assert_eq!(server.result("job_dead"), None, "the look had not hung");
    server.wait_until("the look is given up", |world| world.result("job_dead").is_some()).await;
    let report = server.result("job_dead").expect("report");
    assert_eq!(report.status, "Failed");
    assert!(report.error.as_deref().is_some_and(|error| error.contains("look at the mount")), "{report:?}");
    assert_eq!(report.result.expect("result").error_class.as_deref(), Some("timeout"));
    agent.stop().await.expect("it ends although the look still hangs");
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_looked_at_while_it_is_deployed_to() {
    let server = Server::start().await;
    let vars = server.vars();
    let (reload, pipe) = (server.path("reload"), Pipe::make(server.path("reloading")));
    fs::write(&reload, format!("#!/bin/sh\ncat {}\n", pipe.0.display())).expect("a command");
    fs::set_permissions(&reload, fs::Permissions::from_mode(0o755)).expect("mode");
    let policy = fs::read_to_string(server.path("policy.toml")).expect("policy");
    fs::write(server.path("policy.toml"), format!("{policy}allowed_commands = [[{reload:?}]]\n")).expect("policy");
    server.ask_for_certificate_and("job_1", json!({ "reload_command": [reload] }));
    let agent = start_with(vars);
    let reloading = pipe.read_from().await;

    let config = server.world().config.clone();
    server.ask_for_look("job_look", "tgt_1", config);
    server.wait_until("looked at", |world| world.result("job_look").is_some()).await;
    assert_eq!(server.result("job_1_deploy"), None, "the deployment was over");
    drop(reloading);
    server.wait_until("deployed", |world| world.result("job_1_deploy").is_some()).await;
    agent.stop().await.expect("clean end");
    let look = server.result("job_look").expect("report");
    assert_eq!((look.status.as_str(), look.error), ("Completed", None));
    let deployed = server.result("job_1_deploy").expect("report");
    assert_eq!((deployed.status.as_str(), deployed.error), ("Completed", None));
    assert!(server.installed().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_connects_for_a_target_that_is_refused() {
    let server = Server::start().await;
    let agent = start(&server);
    let service = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    service.set_nonblocking(true).expect("a listener that does not wait");
    let look = |path: &str| {
        let endpoint = service.local_addr().expect("an address").to_string();
        json!({ "cert_path": server.path(path), "post_deploy_verify": { "endpoint": endpoint, "timeout": "1s", "server_name": "a.example" } })
    };
    server.ask_for_look("job_refused", "tgt_1", look("elsewhere.pem"));
    server.wait_until("refused", |world| world.result("job_refused").is_some()).await;
    let refused = server.result("job_refused").expect("report");
    let checks: Vec<_> = refused.result.expect("result").steps.into_iter().map(|step| step.name).collect();
    assert_eq!(checks, ["path"]);
    let nobody = service.accept().map(|_| ()).expect_err("somebody connected");
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);

    // The same look at a place that is allowed does connect.
    server.ask_for_look("job_allowed", "tgt_1", look("live/cert.pem"));
    server.wait_until("looked at", |world| world.result("job_allowed").is_some()).await;
    agent.stop().await.expect("clean end");
    let steps = server.result("job_allowed").expect("report").result.expect("result").steps;
    let checks: Vec<_> = steps.iter().map(|step| (step.name.as_str(), step.outcome.as_str())).collect();
    assert_eq!(checks, [("path", "ok"), ("handshake", "failed")]);
    service.accept().expect("somebody connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_proxy_drops_the_certificate_the_key_speaks() {
    let server = Server::start().await;
    server.world().only_by_key = true;
    server.world().knows_no_resume = true;
    server.ask_for_certificate("job_1");
    let agent = start(&server);
    server.wait_until("deployed", |world| world.result("job_1_deploy").is_some()).await;
    assert!(server.world().by_key);
    agent.stop().await.expect("clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_is_renewed_at_two_thirds_and_when_it_expired() {
    for (life, expired) in [(85, false), (30, true)] {
        let server = Server::start().await;
        // The certificate begins 60 s ago: of 85 s two thirds are over, and 30 s are over altogether.
        server.world().identity_life = Duration::from_secs(life);
        server.world().only_by_key = expired;
        server.world().lost.insert("identity", 1);
        let agent = start(&server);
        let renewed = |world: &support::World| !world.renewals.is_empty() && world.heartbeats > 0;
        server.wait_until("renewed", renewed).await;
        assert_eq!(server.world().renewed_by_key, expired);
        agent.stop().await.expect("clean end");
        let renewals = server.world().renewals.iter().map(|ask| ask.csr_pem.clone()).collect::<BTreeSet<_>>();
        assert_eq!(renewals.len(), 1, "a lost answer is asked for with the same key");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_agent_ends_by_itself_without_an_error() {
    let server = Server::start().await;
    let agent = start(&server);
    server.wait_until("alive", |world| world.heartbeats > 0).await;
    server.world().retired = true;
    let ended = tokio::time::timeout(Duration::from_secs(10), agent.ended).await;
    ended.expect("it ends").expect("no panic").expect("no error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_other_names_is_not_installed() {
    let server = Server::start().await;
    server.world().other_names = Some(vec![San::parse("other.example").expect("name")]);
    server.ask_for_certificate("job_1");
    let agent = start(&server);
    server.wait_until("refused", |world| world.result("job_1_deploy").is_some()).await;
    agent.stop().await.expect("clean end");
    let report = server.result("job_1_deploy").expect("report");
    assert_eq!(report.status, "Failed");
    assert_eq!(report.error.as_deref(), Some("the certificate is for other.example, and a.example was asked for"));
    assert_eq!(report.result.expect("result").error_class.as_deref(), Some("rejected"));
    assert!(server.installed().is_none());
    assert!(server.current_key().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_policy_forbids_fails_naming_the_policy() {
    let server = Server::start().await;
    let vars = server.vars();
    fs::write(server.path("policy.toml"), "").expect("policy");
    server.ask_for_certificate("job_1");
    let agent = start_with(vars);
    server.wait_until("refused", |world| world.result("job_1_deploy").is_some()).await;
    agent.stop().await.expect("clean end");
    let report = server.result("job_1_deploy").expect("report");
    assert!(report.error.as_deref().is_some_and(|error| error.contains("policy.toml")), "{report:?}");
    assert_eq!(report.result.expect("result").error_class.as_deref(), Some("config"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_admits_nobody_is_an_error_and_so_is_none() {
    let server = Server::start().await;
    let with = |token: &str| {
        let mut vars = server.vars();
        vars.retain(|(name, _)| name != "CERTCTL_AGENT_BOOTSTRAP_TOKEN");
        vars.push(("CERTCTL_AGENT_BOOTSTRAP_TOKEN".to_owned(), token.to_owned()));
        vars
    };
    for (token, says) in [("wrong", "does not admit this agent"), ("", "no token to get one")] {
        let error = Box::pin(certctl_agent::run(config(with(token)), std::future::pending())).await;
        let error = format!("{:#}", error.expect_err("not admitted"));
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_agents_on_one_state_directory_are_one_too_many() {
    let server = Server::start().await;
    let agent = start(&server);
    server.wait_until("alive", |world| world.heartbeats > 0).await;
    let second = Box::pin(certctl_agent::run(config(server.vars()), std::future::pending())).await;
    let error = second.expect_err("refused").to_string();
    assert!(error.contains("another agent runs on") && error.contains("CERTCTL_AGENT_STATE_DIR"), "{error}");
    agent.stop().await.expect("clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_of_the_older_kind_brings_its_id_and_key() {
    let server = Server::start().await;
    server.world().only_by_key = true;
    let mut vars = server.vars();
    vars.retain(|(name, _)| name != "CERTCTL_AGENT_BOOTSTRAP_TOKEN");
    vars.push(("CERTCTL_AGENT_ID".to_owned(), "agt_1".to_owned()));
    vars.push(("CERTCTL_API_KEY".to_owned(), support::API_KEY.to_owned()));
    let agent = start_with(vars);
    server.wait_until("alive", |world| world.heartbeats > 0).await;
    agent.stop().await.expect("clean end");
    assert!(server.world().registrations.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_both_sides_and_changes_nothing() {
    let server = Server::start().await;
    let examine = async |vars: Vec<(String, String)>| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_certctl-agent"));
        let seen = command.arg("doctor").env_clear().envs(vars).output().await.expect("doctor");
        (seen.status.code(), String::from_utf8(seen.stdout).expect("text"))
    };
    let (code, text) = examine(server.vars()).await;
    assert_eq!(code, Some(0), "{text}");
    for line in ["ok       policy", "ok       identity: none yet", "ok       TLS", "X25519MLKEM768", "answered 200"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(server.world().registrations.is_empty());

    let mut vars = server.vars();
    vars.push(("CERTCTL_SERVER_URL".to_owned(), "https://127.0.0.1:1".to_owned()));
    vars.retain(|(name, _)| name != "CERTCTL_AGENT_BOOTSTRAP_TOKEN");
    fs::set_permissions(server.path("policy.toml"), fs::Permissions::from_mode(0o666)).expect("mode");
    let (code, text) = examine(vars).await;
    assert_eq!(code, Some(20), "{text}");
    for line in ["finding  policy", "chmod go-w", "finding  identity: none yet and no token", "finding  connection"] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
