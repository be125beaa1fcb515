//! The product's promise, from outside: one command, and a certificate is issued, deployed, served and renewed.

#[path = "support/https.rs"]
#[expect(dead_code, reason = "shared with the tests of the stack, which need more of it")]
mod https;
#[path = "support/openssl.rs"]
mod openssl;
#[path = "support/process.rs"]
mod process;
#[path = "support/quickstart.rs"]
mod quickstart;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use certctl_pki::cert::ExtendedKeyUsage;
use certctl_pki::chain::{ChainError, validate};
use certctl_pki::{Certificate, Timestamp};
use certctl_testkit::https::{Authority, Purpose};
use certctl_testkit::wait;
use certctl_wire::QuickstartSummary;
use rustix::process::{Signal, kill_process};
use serde_json::json;

use https::{As, Https};
use openssl::verify;
use quickstart::{Admin, Home, Quickstart, SERVED_WITHIN, assert_gone, now, told};

/// Ruled; a certificate of ten minutes is renewed in the middle of its life.
const RENEWED_WITHIN: Duration = Duration::from_secs(8 * 60);
/// Long enough to be deployed and verified.
const SHORT_SECONDS: u64 = 30;

#[tokio::test]
async fn a_certificate_is_issued_served_and_renewed() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let summary = &quickstart.summary;
    assert!(summary.ok);
    let first = quickstart.served();
    let leaf = first.leaf();
    assert_eq!(leaf.fingerprint_sha256(), summary.served.fingerprint_sha256);
    assert_eq!(leaf.serial().to_hex(), summary.serial);
    assert_eq!(summary.served.server_name, "quickstart.localhost");
    // Server, agent and endpoint live beside it.
    quickstart.children();
    verify(quickstart.path(), &quickstart.ca(), &first.chain).expect("the chain is good");

    let second = wait::until("a second serial is served", RENEWED_WITHIN, async || {
        let now = quickstart.served();
        (now.leaf().serial() != leaf.serial()).then_some(now)
    })
    .await;
    verify(quickstart.path(), &quickstart.ca(), &second.chain).expect("the renewed chain is good");
    assert!(second.leaf().not_after() > leaf.not_after());
    quickstart.interrupt().await;
}

#[tokio::test]
async fn the_printed_commands_run_as_printed_and_ctrl_c_ends_everything() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let log = quickstart.process.log();
    let after = log.split_once("Try:").map(|(_, after)| after).expect("what to try next");
    assert!(log.contains(&quickstart.summary.server) && log.contains(&quickstart.summary.served.endpoint), "{log}");
    let commands: Vec<&str> = after.lines().map(str::trim).filter(|line| line.starts_with("CERTCTL_CONFIG=")).collect();
    assert_eq!(commands.len(), 3, "{log}");
    for command in commands {
        let shell = Command::new("/bin/sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", quickstart.path())
            .current_dir("/")
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&shell.stderr).into_owned();
        assert!(shell.status.success(), "{command}: {}: {said}", shell.status);
        let shown = String::from_utf8_lossy(&shell.stdout).into_owned();
        assert!(shown.contains("quickstart"), "{command}: {shown}");
    }
    quickstart.interrupt().await;
}

#[tokio::test]
async fn a_tampered_an_expired_and_a_foreign_leaf_are_refused_by_openssl_and_by_us() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let (ca, served) = (quickstart.ca(), quickstart.served());
    let directory = quickstart.path();
    let now = now();
    let check = |leaf: &Certificate, at: Timestamp| {
        validate(leaf, &served.chain[1..], std::slice::from_ref(&ca), at, ExtendedKeyUsage::ServerAuth)
    };
    check(served.leaf(), now).expect("the real one is good");

    let mut der = served.leaf().der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let tampered = Certificate::parse_der(&der).expect("its form is right");
    check(&tampered, now).expect_err("tampered");
    let chain: Vec<Certificate> = std::iter::once(&tampered).chain(&served.chain[1..]).cloned().collect();
    verify(directory, &ca, &chain).expect_err("tampered");

    let later = served.leaf().not_after() + Duration::from_secs(1);
    assert!(matches!(check(served.leaf(), later), Err(ChainError::Expired { .. })));
    openssl::verify_at(directory, &ca, &served.chain, later).expect_err("expired");

    let foreign = Authority::new();
    let pair = foreign.issue(Purpose::Server, &["quickstart.localhost"], false);
    let leaf = Certificate::parse_pem(&pair.certificate_pem).expect("a certificate");
    check(&leaf, now).expect_err("foreign");
    let chain: Vec<Certificate> = std::iter::once(&leaf).chain(&served.chain[1..]).cloned().collect();
    verify(directory, &ca, &chain).expect_err("foreign");
    quickstart.interrupt().await;
}

#[tokio::test]
async fn every_step_is_told_with_its_time_and_the_key_is_not() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let data = quickstart.home.data();
    let log = quickstart.process.log();
    let mut rest = log.as_str();
    for step in ['①', '②', '③', '④', '⑤', '⑥'] {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} is missing or out of order: {log}"));
        rest = &rest[at..];
        let line = rest.lines().next().unwrap_or_default();
        assert!(line.ends_with(" ms)"), "{line}");
    }
    let mode = |name: &str| std::fs::metadata(data.join(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("admin.key"), mode("cli.toml")), (0o700, 0o600, 0o600));
    for name in ["server", "agent", "demo", "logs", "ca.pem", "ports.toml"] {
        assert!(data.join(name).exists(), "{name}");
    }
    let key = std::fs::read_to_string(data.join("admin.key")).expect("the administrator's key");
    let key = key.trim();
    assert!(key.len() > 20, "{key}");
    for told in [log, quickstart.process.output()] {
        assert!(!told.contains(key), "the administrator's key was printed");
    }
    for name in ["server.log", "agent.log", "endpoint.log"] {
        let log = std::fs::read_to_string(data.join("logs").join(name)).expect(name);
        assert!(!log.contains(key), "{name} holds the administrator's key");
    }
    quickstart.interrupt().await;
}

#[tokio::test]
async fn a_child_that_dies_ends_everything_with_its_last_words() {
    for name in ["server", "endpoint", "agent"] {
        let Some(mut quickstart) = Quickstart::start().await else { return };
        let children = quickstart.children();
        let (_, pid) = children.iter().find(|(child, _)| child == name).expect(name);
        kill_process(*pid, Signal::KILL).expect("a child can be killed");
        let ended = quickstart.process.end("a quickstart whose child has died", Duration::from_secs(10)).await;
        let said = quickstart.process.log();
        assert_eq!(ended.code(), Some(1), "{said}");
        assert!(said.contains(&format!("the {name} ended: signal: 9")), "{said}");
        let log = quickstart.home.data().join("logs").join(format!("{name}.log"));
        assert!(said.contains(&format!("the last lines of {}:", log.display())), "{said}");
        // The others ended later than this one, whose log is complete.
        let log = std::fs::read_to_string(log).expect("a log");
        let last = log.lines().last().unwrap_or_else(|| panic!("the log of the {name} is empty"));
        assert!(said.contains(last), "{last:?} is not in {said}");
        let text = quickstart.process.output();
        let failure: serde_json::Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        assert_eq!((failure["ok"].as_bool(), failure["error"]["code"].as_str()), (Some(false), Some("process_ended")));
        assert_gone(&children);
    }
}

#[tokio::test]
async fn a_second_start_goes_on_with_what_the_first_one_made() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let first = quickstart.summary.clone();
    let leaf = quickstart.served().leaf().clone();
    let ports = std::fs::read_to_string(quickstart.home.data().join("ports.toml")).expect("ports.toml");
    let home = quickstart.interrupt().await;

    let quickstart = home.start("again.log").await;
    let second = &quickstart.summary;
    assert_eq!(second.server, first.server);
    assert_eq!(second.served.endpoint, first.served.endpoint);
    assert_eq!(second.agent_id, first.agent_id);
    assert_eq!(second.certificate_id, first.certificate_id);
    assert_eq!((&second.version_id, &second.serial), (&first.version_id, &first.serial), "it was good still");
    assert_eq!(quickstart.served().leaf().der(), leaf.der());
    assert_eq!(std::fs::read_to_string(quickstart.home.data().join("ports.toml")).expect("ports.toml"), ports);
    let said = quickstart.process.log();
    assert!(!said.contains("issued again") && !said.contains("past its time"), "nothing had expired: {said}");
    for kind in ["agent", "target", "cert"] {
        let list: serde_json::Value =
            serde_json::from_str(&quickstart.certctl(&[kind, "list", "-o", "json"])).expect("JSON");
        let rows = list.as_array().or_else(|| list["data"].as_array()).unwrap_or_else(|| panic!("{list}"));
        assert_eq!(rows.len(), 1, "one {kind} after two starts: {list}");
    }
    quickstart.interrupt().await;
}

#[tokio::test]
async fn what_expired_meanwhile_is_issued_again_and_named() {
    let Some(quickstart) = Quickstart::start().await else { return };
    // The profile is found and kept by later steps, so the next version lives as long as this says.
    let admin = Admin::of(&quickstart);
    admin.send("PATCH", "profiles/quickstart", json!({ "max_ttl_seconds": SHORT_SECONDS })).await;
    admin.send("POST", "certificates/quickstart/renew", json!({})).await;
    let first = quickstart.summary.serial.clone();
    let short = wait::until("a short-lived certificate is served", SERVED_WITHIN, async || {
        let now = quickstart.served();
        (now.leaf().serial().to_hex() != first).then(|| now.leaf().clone())
    })
    .await;
    let home = quickstart.interrupt().await;

    // As if the computer had been off for a quarter of a year.
    let stranger = Authority::new().issue(Purpose::Server, &["localhost"], true);
    let tls = home.data().join("server/tls");
    std::fs::write(tls.join("tls.crt"), &stranger.certificate_pem).expect("a certificate of the past");
    std::fs::write(tls.join("tls.key"), &stranger.key_pem).expect("its key");
    wait::until("the certificate expires", Duration::from_secs(2 * SHORT_SECONDS), async || {
        (now() > short.not_after()).then_some(())
    })
    .await;

    let quickstart = home.start("again.log").await;
    let said = quickstart.process.log();
    assert!(said.contains("the certificate had expired meanwhile; it was issued again"), "{said}");
    assert!(said.contains("the listener's certificate was past its time"), "{said}");
    assert!(!quickstart.home.logs().contains("the reload failed"), "{}", quickstart.home.logs());
    let served = quickstart.served();
    assert_ne!(served.leaf().serial(), short.serial());
    assert_eq!(served.leaf().serial().to_hex(), quickstart.summary.serial);
    verify(quickstart.path(), &quickstart.ca(), &served.chain).expect("the new chain is good");
    quickstart.interrupt().await;
}

#[tokio::test]
async fn an_agent_whose_identity_expired_meanwhile_comes_back_as_the_same_and_says_so() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let agent = quickstart.summary.agent_id.clone();
    let home = quickstart.interrupt().await;

    // As if the computer had been off for a quarter of a year.
    let path = home.data().join("agent/state/identity.json");
    let read =
        || -> serde_json::Value { serde_json::from_slice(&std::fs::read(&path).expect("the identity")).expect("JSON") };
    let mut identity = read();
    let past = Authority::new().issue(Purpose::Client, &["agent"], true);
    identity["certificate_pem"] = past.certificate_pem.into();
    identity["key_pem"] = past.key_pem.into();
    std::fs::write(&path, identity.to_string()).expect("an identity of the past");

    let quickstart = home.start("again.log").await;
    let said = quickstart.process.log();
    assert!(said.contains("the agent's identity was past its time; it has renewed it"), "{said}");
    assert!(said.contains("agent is back, known to the server"), "{said}");
    assert_eq!(quickstart.summary.agent_id, agent);
    let renewed = read();
    let renewed =
        certctl_pki::pem::split_certificates(renewed["certificate_pem"].as_str().expect("PEM")).expect("a chain");
    assert!(renewed[0].is_valid_at(now()));
    quickstart.interrupt().await;
}

#[tokio::test]
async fn a_data_directory_that_was_moved_goes_on_where_it_is_now() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let first = quickstart.summary.clone();
    let mut home = quickstart.interrupt().await;
    let before = home.data();
    "moved".clone_into(&mut home.name);
    std::fs::rename(&before, home.data()).expect("a stopped quickstart can be moved");

    let quickstart = home.start("again.log").await;
    assert_eq!(quickstart.summary.agent_id, first.agent_id);
    let admin = Admin::of(&quickstart);
    admin.send("POST", "certificates/quickstart/renew", json!({})).await;
    let known = quickstart.summary.serial.clone();
    wait::until("a certificate is deployed to where the directory is now", SERVED_WITHIN, async || {
        (quickstart.served().leaf().serial().to_hex() != known).then_some(())
    })
    .await;
    assert!(!before.exists(), "something was written where the directory was");
    quickstart.interrupt().await;
}

#[tokio::test]
async fn once_ends_by_itself_after_its_summary() {
    let Some(home) = Home::new() else { return };
    let mut process = home.run("quickstart.log", &["--once", "--port", "0"]);
    let ended = process.end("a quickstart that nothing holds", SERVED_WITHIN).await;
    assert_eq!(ended.code(), Some(0), "{}\n{}", process.log(), home.logs());
    let text = process.output();
    assert_eq!(text.lines().count(), 1, "{text}");
    let summary: QuickstartSummary = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(summary.ok && !summary.serial.is_empty(), "{text}");
    assert_gone(&told(&process.log()));
}

#[tokio::test]
async fn without_once_it_runs_on_a_port_of_choice_and_keeps_it() {
    let Some(home) = Home::new() else { return };
    let port = TcpListener::bind(("127.0.0.1", 0)).expect("a free port").local_addr().expect("an address").port();
    let port = port.to_string();
    for (name, args) in [("chosen.log", &["--port", &port][..]), ("kept.log", &[])] {
        let mut process = home.run(name, args);
        wait::until("the last lines of a quickstart", SERVED_WITHIN, async || {
            assert!(process.ended().is_none(), "quickstart ended:\n{}\n{}", process.log(), home.logs());
            process.log().contains("It keeps renewing.").then_some(())
        })
        .await;
        let log = process.log();
        assert!(log.contains(&format!("https://localhost:{port}")), "{log}");
        let ports = std::fs::read_to_string(home.data().join("ports.toml")).expect("ports.toml");
        assert!(ports.contains(&format!("server = {port}\n")), "{ports}");
        let children = told(&log);
        let ca = std::fs::read_to_string(home.data().join("ca.pem")).expect("ca.pem");
        let answer =
            Https::new(port.parse().expect("a port"), &ca, None).send(As::Stranger, "GET", "/ready", None).await;
        answer.ok("the server is at the port");
        process.signal(Signal::INT);
        let ended = process.end("a quickstart that was interrupted", Duration::from_secs(5)).await;
        assert_eq!(ended.code(), Some(0), "{}", process.log());
        assert_eq!(process.output(), "", "nothing was asked for on standard output");
        assert_gone(&children);
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_so_is_the_way_out() {
    let Some(home) = Home::new() else { return };
    let other = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = other.local_addr().expect("an address").port().to_string();
    let mut process = home.run("taken.log", &["--once", "--port", &port]);
    let ended = process.end("a quickstart without its port", Duration::from_secs(10)).await;
    let said = process.log();
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {port} ")) && said.contains("--port"), "{said}");
    let failure: serde_json::Value = serde_json::from_str(&process.output()).expect("JSON");
    assert_eq!((failure["ok"].as_bool(), failure["error"]["code"].as_str()), (Some(false), Some("port_taken")));
}

#[tokio::test]
async fn a_second_quickstart_on_the_same_directory_is_refused() {
    let Some(quickstart) = Quickstart::start().await else { return };
    let mut second = quickstart.home.run("second.log", &["--once", "--port", "0"]);
    let ended = second.end("a second quickstart", Duration::from_secs(10)).await;
    let said = second.log();
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("is in use by another quickstart") && said.contains("--data-dir"), "{said}");
    assert_eq!(quickstart.served().leaf().fingerprint_sha256(), quickstart.summary.served.fingerprint_sha256);
    quickstart.interrupt().await;
}

#[tokio::test]
async fn an_executable_that_others_may_write_is_copied_first() {
    let Some(mut home) = Home::new() else { return };
    let loose = home.path().join("certctl");
    std::fs::copy(&home.program, &loose).expect("a copy");
    std::fs::set_permissions(&loose, std::fs::Permissions::from_mode(0o777)).expect("permissions");
    home.program = loose;
    let quickstart = home.start("quickstart.log").await;
    let copy = quickstart.home.data().join("bin/certctl").canonicalize().expect("the copy");
    assert_eq!(std::fs::metadata(&copy).expect("the copy").permissions().mode() & 0o777, 0o755);
    let copy = copy.display().to_string();
    let printed = format!(
        "CERTCTL_CONFIG={}/cli.toml {copy} cert list",
        quickstart.home.data().canonicalize().expect("a path").display()
    );
    assert!(quickstart.process.log().contains(&printed), "{printed}: {}", quickstart.process.log());
    let policy = std::fs::read_to_string(quickstart.home.data().join("agent/policy.toml")).expect("the policy");
    assert!(policy.contains(&format!("[\"{copy}\", \"demo-endpoint\", \"reload\"")), "{policy}");
    quickstart.interrupt().await;
}
