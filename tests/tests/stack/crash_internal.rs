//! The server is killed at every step of what it issues behind other doors than `POST /certificates`: certificates for the
//! product itself (authorities, listener, identities of agents), and renewals, by an agent's request and by the runner. Whoever
//! asks again gets the one answer, no serial was used twice, and nothing is left half-way.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

use certctl_app::issue::Step;
use certctl_db::Backend;
use certctl_pki::Certificate;
use certctl_testkit::wait;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::agent::{TestAgent, csr as identity_csr, key, register, token, try_register};
use crate::support::database::Database;
use crate::support::https::{Answer, As};
use crate::support::process::Process;
use crate::support::server::{Setup, TestServer, certificate, certificate_with_csr, csr};

/// The server with failpoints, and leases that are over sooner.
const PROGRAM: &str = env!("CARGO_BIN_EXE_certctl-test-server");
/// What a first start issues: an authority for the local issuer, one for agents, a certificate for the listener.
const OF_A_FIRST_START: [&str; 3] = ["ca", "ca", "listener"];
const DIES_WITHIN: Duration = Duration::from_secs(60);
/// Longer than the lease of a job whose worker died, and than it takes until reservations without work are looked at.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// Older than a reservation without work may be, in microseconds.
const LONG_AGO: u64 = 600_000_000;

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn a_server_killed_while_it_first_starts_has_its_authorities_and_its_listener_afterwards() {
        super::killed_in_a_first_start(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn an_agent_whose_enrolment_was_killed_is_admitted_once_when_it_asks_again() {
        super::killed_in_an_enrolment(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_server_killed_while_it_signs_the_request_of_an_agent_renews_once() {
        super::killed_in_a_request_of_an_agent(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_server_killed_while_its_runner_renews_renews_once() {
        super::killed_in_a_renewal_of_the_runner(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn a_server_killed_while_it_first_starts_has_its_authorities_and_its_listener_afterwards() {
        super::killed_in_a_first_start(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn an_agent_whose_enrolment_was_killed_is_admitted_once_when_it_asks_again() {
        super::killed_in_an_enrolment(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_server_killed_while_it_signs_the_request_of_an_agent_renews_once() {
        super::killed_in_a_request_of_an_agent(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_server_killed_while_its_runner_renews_renews_once() {
        super::killed_in_a_renewal_of_the_runner(Backend::Postgres).await;
    }
}

/// Steps of a certificate for the product itself. It is judged by nobody: its rules are in the code.
fn internal() -> impl Iterator<Item = Step> {
    Step::ALL.into_iter().filter(|step| match step {
        Step::Built | Step::Reserved | Step::Signed | Step::Committed => true,
        Step::Judged | Step::Ordered | Step::OrderRecorded => false,
    })
}

/// Steps of a renewal by a CA of ours, which takes no orders.
fn of_a_renewal() -> impl Iterator<Item = Step> {
    Step::ALL.into_iter().filter(|step| match step {
        Step::Judged | Step::Built | Step::Reserved | Step::Signed | Step::Committed => true,
        Step::Ordered | Step::OrderRecorded => false,
    })
}

/// How many reservations a death at this step leaves behind: their serials are burned.
fn burned_by(step: Step) -> u64 {
    match step {
        Step::Reserved | Step::Signed | Step::Ordered | Step::OrderRecorded => 1,
        Step::Judged | Step::Built | Step::Committed => 0,
    }
}

async fn killed_in_a_first_start(backend: Backend) {
    for nth in 1..=OF_A_FIRST_START.len() {
        join_all(internal().map(|step| first_start_killed_at(backend, step, nth))).await;
    }
}

async fn first_start_killed_at(backend: Backend, step: Step, nth: usize) {
    let Some(setup) = Setup::of(PathBuf::from(PROGRAM), backend).await else { return };
    let args: &[&str] = match backend {
        Backend::Sqlite => &[],
        Backend::Postgres => &["tls-init"],
    };
    let what = format!("{step:?} of certificate {nth}");
    let mut first = setup.run(args, "killed.log", &[("CERTCTL_FAULT", &format!("{}@{nth}", step.point()))]);
    dies(&mut first, &what).await;

    let_time_pass(&setup.database().await).await;
    let server = Box::pin(setup.start()).await;
    nothing_is_reserved(&server, &what).await;
    let database = &server.database;
    let mut expected = OF_A_FIRST_START.to_vec();
    // Its key had not reached the disk, so that a fresh pair was made; an authority is on record with its key.
    if step == Step::Committed && OF_A_FIRST_START[nth - 1] == "listener" {
        expected.push("listener");
    }
    let issued = "SELECT purpose FROM certificate_versions WHERE state = 'issued' ORDER BY purpose";
    assert_eq!(database.texts(issued).await, expected, "{what}");
    let authorities = database.texts("SELECT issuer_id || ' ' || role FROM cas ORDER BY 1").await;
    let different: BTreeSet<&String> = authorities.iter().collect();
    assert_eq!((authorities.len(), different.len()), (4, 4), "{what}: a root and an authority below it, twice");
    internal_audited(&server, &what).await;
    serials_differ(&server, burned_by(step), &what).await;
    // Its authorities work.
    TestAgent::enrol(&server, "a").await;
    server.made("certificates?issue=true", &certificate_with_csr("a.example")).await;
}

async fn killed_in_an_enrolment(backend: Backend) {
    join_all(internal().map(|step| enrolment_killed_at(backend, step))).await;
}

async fn enrolment_killed_at(backend: Backend, step: Step) {
    let Some(setup) = Setup::of(PathBuf::from(PROGRAM), backend).await else { return };
    let mut server = Box::pin(setup.start()).await;
    let (token, key) = (token(&server, &json!({ "max_uses": 1 })).await, key());
    let csr = identity_csr("a", &key);
    server.restart(&[("CERTCTL_FAULT", step.point())]).await;
    let answer = try_register(&server, &token, "a", &csr).await;
    assert!(answer.is_err(), "{step:?}: {answer:?}");
    dies(server.process(), &format!("{step:?}")).await;

    server.restart(&[]).await;
    // All of the admission is on record, or nothing.
    let admitted = u64::from(step == Step::Committed);
    let uses = "SELECT CAST(uses AS TEXT) FROM enrollment_tokens";
    assert_eq!(server.database.texts(uses).await, [admitted.to_string()], "{step:?}");
    for of in ["agents", "enrollment_uses", "agent_credentials WHERE kind = 'certificate'"] {
        assert_eq!(server.database.count(of).await, admitted, "{step:?}: {of}");
    }

    let first = try_register(&server, &token, "a", &csr).await.expect("an answer").ok("asked again");
    let second = try_register(&server, &token, "a", &csr).await.expect("an answer").ok("asked once more");
    assert_eq!(first["agent"]["id"], second["agent"]["id"], "{step:?}");
    assert_eq!(first["certificate_pem"], second["certificate_pem"], "{step:?}");
    let agent = TestAgent::admitted(&server, &second, &key);
    let work = format!("/api/v1/agents/{}/work", agent.id);
    agent.call("GET", &work, None).await.ok("work by the certificate");
    server.https.send(As::Key(&agent.api_key), "GET", &work, None).await.ok("work by the key");

    let_time_pass(&server.database).await;
    nothing_is_reserved(&server, &format!("{step:?}")).await;
    let database = &server.database;
    assert_eq!(database.texts("SELECT id FROM agents").await, [agent.id.as_str()], "{step:?}: admitted twice");
    assert_eq!(database.texts(uses).await, ["1"], "{step:?}: the token's use");
    for kind in ["certificate", "api_key"] {
        let live = format!("agent_credentials WHERE kind = '{kind}' AND revoked_at IS NULL");
        assert_eq!(database.count(&live).await, 1, "{step:?}: {kind}");
    }
    let identity = Certificate::parse_pem(second["certificate_pem"].as_str().expect("PEM")).expect("a certificate");
    let issued = "SELECT fingerprint_sha256 FROM certificate_versions WHERE purpose = 'agent' AND state = 'issued'";
    assert_eq!(database.texts(issued).await, [identity.fingerprint_sha256()], "{step:?}: the one identity");
    internal_audited(&server, &format!("{step:?}")).await;
    serials_differ(&server, burned_by(step), &format!("{step:?}")).await;
    let other = register(&server, &token, "b", &self::key()).await;
    assert_eq!(other.status, 401, "{step:?}: the token has no use left for another key: {other:?}");
}

async fn killed_in_a_request_of_an_agent(backend: Backend) {
    // All at once: each waits most of its time for the lease of the dead.
    join_all(of_a_renewal().map(|step| request_killed_at(backend, step))).await;
}

async fn request_killed_at(backend: Backend, step: Step) {
    let Some(setup) = Setup::of(PathBuf::from(PROGRAM), backend).await else { return };
    let mut server = Box::pin(setup.start()).await;
    let key = key();
    let enrolled = register(&server, &token(&server, &json!({})).await, "a", &key).await.ok("enrolment");
    let agent = TestAgent::admitted(&server, &enrolled, &key);
    let config = json!({ "cert_path": "/etc/ssl/a.pem" });
    let target = json!({ "id": "web", "name": "web", "type": "File", "agent_id": agent.id, "config": config });
    server.made("targets", &target).await;
    let mut body = certificate("web.example");
    body["id"] = json!("web");
    body["target_ids"] = json!(["web"]);
    server.made("certificates", &body).await;
    let ask = asked_for(&server, &agent).await;
    assert_eq!(submit(&agent, &ask).await.expect("an answer").ok("the first request")["status"], "csr_signed");

    server.restart(&[("CERTCTL_FAULT", step.point())]).await;
    let agent = TestAgent::admitted(&server, &enrolled, &key);
    let ask = asked_for(&server, &agent).await;
    let answer = submit(&agent, &ask).await;
    assert!(answer.is_err(), "{step:?}: {answer:?}");
    dies(server.process(), &format!("{step:?}")).await;

    server.restart(&[]).await;
    let agent = TestAgent::admitted(&server, &enrolled, &key);
    let again = submit(&agent, &ask).await.expect("an answer").ok("the same request again");
    let status = again["status"].as_str().expect("a status");
    assert!(["csr_signed", "csr_accepted"].contains(&status), "{step:?}: {again}");
    let mut other = ask.clone();
    other["csr_pem"] = csr("web.example").into();
    let other = submit(&agent, &other).await.expect("an answer");
    assert_eq!((other.status, other.code().as_str()), (409, "another_csr_accepted"), "{step:?}: {other:?}");

    renewed_once(&server, step).await;
    let signed = submit(&agent, &ask).await.expect("an answer").ok("the same request once more");
    assert_eq!(signed["status"], "csr_signed", "{step:?}");
    let path = format!("/api/v1/agents/{}/certificates/web", agent.id);
    let fetched = agent.call("GET", &path, None).await.ok("the certificate");
    let chain = fetched["certificate_pem"].as_str().expect("PEM");
    let leaf: Certificate = certctl_pki::pem::split_certificates(chain).expect("a chain").remove(0);
    let asked = certctl_pki::Csr::parse_pem(ask["csr_pem"].as_str().expect("PEM")).expect("a request");
    assert_eq!(&leaf.public_key(), &asked.public_key(), "{step:?}: it is for the key that was asked with");
    let desired = server.database.texts("SELECT desired_version_id FROM target_mappings").await;
    assert_eq!(desired, [current_version(&server).await], "{step:?}: the new version is the one to install");
    let deployments = format!("jobs WHERE kind = 'Deployment' AND payload LIKE '%{}%'", desired[0]);
    assert_eq!(server.database.count(&deployments).await, 1, "{step:?}: jobs that install it");
}

/// Asks for a version; returns what the agent answers the job with.
async fn asked_for(server: &TestServer, agent: &TestAgent) -> Value {
    server.made("certificates/web/renew", &json!({})).await;
    let work = agent.call("GET", &format!("/api/v1/agents/{}/work", agent.id), None).await.ok("work");
    let jobs = work["jobs"].as_array().expect("jobs");
    let job = jobs.iter().find(|job| job["status"] == "AwaitingCSR").unwrap_or_else(|| panic!("no request: {work}"));
    json!({
        "csr_pem": csr("web.example"),
        "certificate_id": "web",
        "job_id": job["id"],
        "lease_epoch": job["lease_epoch"],
    })
}

async fn submit(agent: &TestAgent, ask: &Value) -> reqwest::Result<Answer> {
    let path = format!("/api/v1/agents/{}/csr", agent.id);
    agent.https.try_send(As::Stranger, "POST", &path, &[], Some(ask.to_string().into_bytes())).await
}

async fn killed_in_a_renewal_of_the_runner(backend: Backend) {
    // All at once: each waits most of its time for the lease of the dead.
    join_all(of_a_renewal().map(|step| runner_killed_at(backend, step))).await;
}

async fn runner_killed_at(backend: Backend, step: Step) {
    let Some(setup) = Setup::of(PathBuf::from(PROGRAM), backend).await else { return };
    let mut server = Box::pin(setup.start()).await;
    let profile = json!({ "id": "again", "name": "again", "max_ttl_seconds": 86_400, "allow_key_reuse": true });
    server.made("profiles", &profile).await;
    let mut body = certificate_with_csr("web.example");
    body["id"] = json!("web");
    body["certificate_profile_id"] = json!("again");
    server.made("certificates?issue=true", &body).await;

    server.restart(&[("CERTCTL_FAULT", step.point())]).await;
    server.database.execute("UPDATE certificate_identities SET renew_at = not_before").await;
    dies(server.process(), &format!("{step:?}")).await;

    server.restart(&[]).await;
    renewed_once(&server, step).await;
    let database = &server.database;
    let keys = "SELECT DISTINCT spki_sha256 FROM certificate_versions WHERE purpose = 'leaf'";
    assert_eq!(database.texts(keys).await.len(), 1, "{step:?}: the same request was used again");
    assert_eq!(database.count("jobs WHERE state <> 'succeeded'").await, 0, "{step:?}");
    // The next renewal is not due.
    let due = "certificate_identities WHERE renew_at IS NULL OR renew_at <= not_before";
    assert_eq!(database.count(due).await, 0, "{step:?}");
}

/// The renewal ends, and the certificate has one version more than before it.
async fn renewed_once(server: &TestServer, step: Step) {
    let database = &server.database;
    wait::until(&format!("{step:?}: the renewal ends"), SETTLED_WITHIN, async || {
        let ended = database.count("jobs WHERE kind = 'Renewal' AND completed_at IS NOT NULL").await;
        let open = database.count("jobs WHERE kind = 'Renewal' AND completed_at IS NULL").await;
        (ended == 1 && open == 0).then_some(())
    })
    .await;
    assert_eq!(database.texts("SELECT state FROM jobs WHERE kind = 'Renewal'").await, ["succeeded"], "{step:?}");
    // The attempt that goes on ends the reservation of the one that died.
    assert_eq!(database.count("certificate_versions WHERE state = 'reserved'").await, 0, "{step:?}");
    let issued = database.count("certificate_versions WHERE purpose = 'leaf' AND state = 'issued'").await;
    assert_eq!(issued, 2, "{step:?}: renewed once");
    let audited = database.count("audit_events WHERE action = 'certificate_issued'").await;
    assert_eq!(audited, issued, "{step:?}: an issuance without its audit event");
    let newest = "SELECT id FROM certificate_versions WHERE purpose = 'leaf' AND state = 'issued' \
                  ORDER BY created_at DESC, id DESC LIMIT 1";
    assert_eq!(
        database.texts(newest).await,
        [current_version(server).await],
        "{step:?}: the newest is the current one"
    );
    serials_differ(server, burned_by(step), &format!("{step:?}")).await;
}

async fn current_version(server: &TestServer) -> String {
    let current = server.database.texts("SELECT current_version_id FROM certificate_identities").await;
    assert_eq!(current.len(), 1, "one key holder");
    current[0].clone()
}

async fn dies(process: &mut Process, what: &str) {
    let killed = process.end(what, DIES_WITHIN).await;
    assert_eq!(killed.signal(), Some(9), "the server did not pass {what}: {killed}\n{}", process.log());
}

/// A reservation is so old now that it is nobody's.
async fn let_time_pass(database: &Database) {
    let old = format!("UPDATE certificate_versions SET created_at = created_at - {LONG_AGO} WHERE state = 'reserved'");
    database.execute(&old).await;
}

async fn nothing_is_reserved(server: &TestServer, what: &str) {
    wait::until(&format!("{what}: nothing is reserved"), SETTLED_WITHIN, async || {
        (server.database.count("certificate_versions WHERE state = 'reserved'").await == 0).then_some(())
    })
    .await;
}

/// Every certificate for the product itself has its audit event.
async fn internal_audited(server: &TestServer, what: &str) {
    let issued = server.database.count("certificate_versions WHERE state = 'issued' AND purpose <> 'leaf'").await;
    let audited = server.database.count("audit_events WHERE action = 'internal_certificate_issued'").await;
    assert_eq!(audited, issued, "{what}: an issuance without its audit event");
}

/// No serial is used twice, those of intents included, of which so many were voided.
async fn serials_differ(server: &TestServer, voided: u64, what: &str) {
    let database = &server.database;
    assert_eq!(
        database.count("certificate_versions WHERE state = 'void'").await,
        voided,
        "{what}: intents without an end"
    );
    let serials = format!("SELECT {} FROM certificate_versions", database.hex("serial"));
    let serials = database.texts(&serials).await;
    let different: BTreeSet<&String> = serials.iter().collect();
    assert_eq!(different.len(), serials.len(), "{what}: a serial was used twice");
}
