//! The agent as it is, on the server as it ships: it is killed while it deploys and while it renews, started again, and ends with
//! a certificate that is in place and was seen in a handshake. Whatever the instant of its death in a renewal, the former pair is
//! served or the new one, and the key of what was in place before is not lost.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use certctl_agent::Step as Agent;
use certctl_db::Backend;
use certctl_pki::{Certificate, PrivateKey};
use certctl_testkit::wait;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::endpoint::Endpoint;
use crate::support::host::Host;
use crate::support::openssl::fetch;
use crate::support::process::with_failpoints;
use crate::support::server::{SOON, TestServer, certificate};

/// How many agents one server has: no more than it lets enrol within a minute.
const AT_ONCE: usize = 8;

/// Every instant from the moment when the agent hears of a job until the server has heard that the certificate is served. A
/// new one does not compile before somebody has said here whether a deployment passes it.
fn instants() -> Vec<&'static str> {
    use certctl_targets::Step as Deploy;
    let of_agent = Agent::ALL.into_iter().filter(|step| match step {
        Agent::JobReceived
        | Agent::KeyStored
        | Agent::RequestRecorded
        | Agent::RequestSent
        | Agent::CertificateFetched
        | Agent::Deployed
        | Agent::KeyPromoted
        | Agent::ResultRecorded
        | Agent::ResultReported => true,
        // No job yet: killed in the agent's own tests.
        Agent::EnrolmentRecorded | Agent::EnrolmentAnswered | Agent::IdentityStored => false,
    });
    let of_deployment = Deploy::ALL.into_iter().filter(|step| match step {
        Deploy::Check
        | Deploy::Lock
        | Deploy::Settle
        | Deploy::Compare
        | Deploy::Intent
        | Deploy::Stage
        | Deploy::BackUp
        | Deploy::Park
        | Deploy::Rename
        | Deploy::SyncDirectory
        | Deploy::Commit
        | Deploy::Verify
        | Deploy::Finish
        | Deploy::CleanUp => true,
        // Commands, which these targets have none of, and the way back: killed in the tests of targets.
        Deploy::Owe
        | Deploy::Validate
        | Deploy::Reload
        | Deploy::RollBack
        | Deploy::Restore
        | Deploy::ReloadBack
        | Deploy::CloseUndone => false,
    });
    of_agent.map(Agent::point).chain(of_deployment.map(Deploy::point)).collect()
}

/// Which of the two pairs of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Former,
    New,
}

/// What a renewal that dies at this instant leaves: the pair that is in place and the one whose key is the current one. A
/// renewal that dies within the deployment itself is a story of the tests of targets.
fn left_by(step: Agent) -> Option<(Pair, Pair)> {
    match step {
        Agent::JobReceived
        | Agent::KeyStored
        | Agent::RequestRecorded
        | Agent::RequestSent
        | Agent::CertificateFetched => Some((Pair::Former, Pair::Former)),
        Agent::Deployed => Some((Pair::New, Pair::Former)),
        Agent::KeyPromoted | Agent::ResultRecorded | Agent::ResultReported => Some((Pair::New, Pair::New)),
        Agent::EnrolmentRecorded | Agent::EnrolmentAnswered | Agent::IdentityStored => None,
    }
}

mod sqlite {
    #[tokio::test]
    async fn an_agent_killed_while_it_deploys_ends_deployed_and_verified() {
        super::killed_while_it_deploys(super::Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn an_agent_killed_while_it_renews_serves_one_whole_pair_and_ends_renewed() {
        super::killed_while_it_renews(super::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn an_agent_killed_while_it_deploys_ends_deployed_and_verified() {
        super::killed_while_it_deploys(super::Backend::Postgres).await;
    }

    #[tokio::test]
    async fn an_agent_killed_while_it_renews_serves_one_whole_pair_and_ends_renewed() {
        super::killed_while_it_renews(super::Backend::Postgres).await;
    }
}

async fn killed_while_it_deploys(backend: Backend) {
    let Some(program) = with_failpoints("certctl-agent") else { return };
    for instants in instants().chunks(AT_ONCE) {
        let Some(server) = TestServer::start(backend).await else { return };
        join_all(instants.iter().map(|instant| killed_at(&server, &program, instant))).await;
        let (database, many) = (&server.database, instants.len() as u64);
        let issued = database.count("certificate_versions WHERE state = 'issued' AND purpose = 'leaf'").await;
        assert_eq!(issued, many, "issued twice");
        assert_eq!(database.count("jobs WHERE state <> 'succeeded'").await, 0);
        assert_eq!(database.count("agents").await, many, "enrolled twice");
    }
}

async fn killed_at(server: &TestServer, program: &Path, instant: &str) {
    let site = Site::new(server, program, instant).await;
    let host = &site.host;
    let mut agent = host.start(&[("CERTCTL_FAULT", instant)]);
    let id = host.admitted(server).await;
    site.ask(server, &id).await;
    let killed = agent.end(instant, SOON).await;
    assert_eq!(killed.signal(), Some(9), "the agent did not pass {instant}: {killed}\n{}", agent.log());

    let _agent = host.start(&[]);
    let mapping = site.verified(server, None).await;
    assert_eq!(mapping["deployed_version_id"], mapping["desired_version_id"], "{instant}");
    site.check(server, &mapping).await;
    site.jobs_end(server).await;
}

async fn killed_while_it_renews(backend: Backend) {
    let Some(program) = with_failpoints("certctl-agent") else { return };
    let steps: Vec<Agent> = Agent::ALL.into_iter().filter(|step| left_by(*step).is_some()).collect();
    for steps in steps.chunks(AT_ONCE) {
        let Some(server) = TestServer::start(backend).await else { return };
        join_all(steps.iter().map(|step| renewal_killed_at(&server, &program, *step))).await;
        let (database, many) = (&server.database, steps.len() as u64);
        let issued = database.count("certificate_versions WHERE state = 'issued' AND purpose = 'leaf'").await;
        assert_eq!(issued, 2 * many, "renewed once each");
        assert_eq!(database.count("jobs WHERE state <> 'succeeded'").await, 0);
        assert_eq!(database.count("agents").await, many, "enrolled twice");
    }
}

async fn renewal_killed_at(server: &TestServer, program: &Path, step: Agent) {
    let instant = step.point();
    let site = Site::new(server, program, instant).await;
    let (host, name) = (&site.host, &site.host.name);
    let agent = host.start(&[]);
    let id = host.admitted(server).await;
    site.ask(server, &id).await;
    let first = site.verified(server, None).await;
    site.check(server, &first).await;
    site.jobs_end(server).await;
    host.stop(agent).await;
    let former = site.in_place();
    assert_eq!(site.current_key(), former.1, "{instant}: the first key is the current one");

    server.made(&format!("certificates/{name}/renew"), &json!({})).await;
    let mut agent = host.start(&[("CERTCTL_FAULT", instant)]);
    let killed = agent.end(instant, SOON).await;
    assert_eq!(killed.signal(), Some(9), "the agent did not pass {instant}: {killed}\n{}", agent.log());
    let (in_place, current) = left_by(step).expect("a renewal passes it");
    let dead = site.in_place();
    assert_eq!(site.served().await.der(), dead.0.der(), "{instant}: what is in place is served");
    let pair_of = |is_former: bool| if is_former { Pair::Former } else { Pair::New };
    assert_eq!(pair_of(dead == former), in_place, "{instant}: the pair in place");
    if in_place == Pair::New {
        assert_ne!(dead.1, former.1, "{instant}: a new pair has a key of its own");
        site.is_newest(server, &dead.0).await;
    }
    let expected = if current == Pair::Former { &former.1 } else { &dead.1 };
    assert_eq!(&site.current_key(), expected, "{instant}: the current key is that of the {current:?} pair");

    let _agent = host.start(&[]);
    let mapping = site.verified(server, Some(&first)).await;
    assert_eq!(mapping["deployed_version_id"], mapping["desired_version_id"], "{instant}");
    site.check(server, &mapping).await;
    site.jobs_end(server).await;
    let renewed = site.in_place();
    assert_ne!(renewed.1, former.1, "{instant}: renewed with the former key");
    if in_place == Pair::New {
        assert_eq!(renewed, dead, "{instant}: what was in place is what stays");
    }
    assert_eq!(site.current_key(), renewed.1, "{instant}: the key of what is served is the current one");
    let file = |key: &str| {
        let key = PrivateKey::from_pem(key).expect("a key");
        format!("{}.key", key.public_key().spki_sha256_hex())
    };
    let kept = [file(&former.1), file(&renewed.1), "current".to_owned(), "keys.json".to_owned()];
    assert_eq!(names(&site.keys()), BTreeSet::from(kept), "{instant}: the key before is kept and none is left over");
}

/// Where an agent runs, and what is served there.
struct Site {
    host: Host,
    endpoint: Endpoint,
}

impl Site {
    async fn new(server: &TestServer, program: &Path, instant: &str) -> Self {
        let host = Host::new(server, program, &instant.replace(['.', '_'], "-")).await;
        let endpoint = Endpoint::serve(&host.path("live/cert.pem"), &host.path("live/key.pem")).await;
        Self { host, endpoint }
    }

    fn served_name(&self) -> String {
        format!("{}.example", self.host.name)
    }

    /// A target of this agent, and a certificate for it.
    async fn ask(&self, server: &TestServer, agent: &str) {
        let (live, name) = (self.host.path("live"), &self.host.name);
        let config = json!({
            "cert_path": live.join("cert.pem"),
            "key_path": live.join("key.pem"),
            "post_deploy_verify": { "enabled": true, "endpoint": self.endpoint.address, "server_name": self.served_name() },
        });
        let target = json!({ "id": name, "name": name, "type": "File", "agent_id": agent, "config": config });
        server.made("targets", &target).await;
        let mut body = certificate(&self.served_name());
        body["id"] = json!(name);
        body["target_ids"] = json!([name]);
        server.made("certificates", &body).await;
        server.made(&format!("certificates/{name}/renew"), &json!({})).await;
    }

    /// The mapping, once its version is deployed and verified: another one than that of `before`.
    async fn verified(&self, server: &TestServer, before: Option<&Value>) -> Value {
        let name = &self.host.name;
        wait::until(&format!("{name}: deployed and verified"), SOON, async || {
            let deployments = server.read(&format!("certificates/{name}/deployments")).await;
            let mapping = deployments["data"][0].clone();
            assert_ne!(mapping["state"], "failed", "{name}: {mapping}");
            let is_other = before.is_none_or(|before| before["deployed_version_id"] != mapping["deployed_version_id"]);
            (mapping["state"] == "verified" && is_other).then_some(mapping)
        })
        .await
    }

    async fn jobs_end(&self, server: &TestServer) {
        let name = &self.host.name;
        wait::until(&format!("{name}: its jobs end"), SOON, async || {
            let open = format!("jobs WHERE completed_at IS NULL AND certificate_id = '{name}'");
            (server.database.count(&open).await == 0).then_some(())
        })
        .await;
    }

    /// The certificate in place and its own key.
    fn in_place(&self) -> (Certificate, String) {
        let read = |name: &str| std::fs::read_to_string(self.host.path("live").join(name)).expect(name);
        let leaf: Certificate = certctl_pki::pem::split_certificates(&read("cert.pem")).expect("a chain").remove(0);
        let key = read("key.pem");
        let public = PrivateKey::from_pem(&key).expect("a key").public_key().clone();
        assert_eq!(leaf.public_key(), &public, "{}: certificate and key in place are no pair", self.host.name);
        (leaf, key)
    }

    /// Where the agent keeps the keys of this certificate.
    fn keys(&self) -> PathBuf {
        self.host.path("keys").join(&self.host.name)
    }

    /// The key that the agent holds for the current one.
    fn current_key(&self) -> String {
        std::fs::read_to_string(self.keys().join("current")).expect("the current key")
    }

    async fn served(&self) -> Certificate {
        let (address, name) = (self.endpoint.address.clone(), self.served_name());
        let served = tokio::task::spawn_blocking(move || fetch(&address, &name)).await.expect("openssl runs");
        served.leaf().clone()
    }

    /// It is the newest version on record.
    async fn is_newest(&self, server: &TestServer, leaf: &Certificate) {
        let versions = server.read(&format!("certificates/{}/versions", self.host.name)).await;
        assert_eq!(versions["data"][0]["fingerprint_sha256"].as_str(), Some(leaf.fingerprint_sha256().as_str()));
    }

    /// What is in place, what is served, and what the server says are one.
    async fn check(&self, server: &TestServer, mapping: &Value) {
        let (leaf, _) = self.in_place();
        assert_eq!(self.served().await.der(), leaf.der());
        assert_eq!(mapping["served_fingerprint"].as_str(), Some(leaf.fingerprint_sha256().as_str()));
        self.is_newest(server, &leaf).await;
        let expected = ["cert.pem", "key.pem"].map(str::to_owned);
        assert_eq!(names(&self.host.path("live")), BTreeSet::from(expected), "nothing is left half-way");
    }
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).expect("the directory");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}
