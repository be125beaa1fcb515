//! The agent as it is, on the server as it ships: it is killed while it deploys, started again, and ends with a certificate that
//! is in place and was seen in a handshake.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

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
    use certctl_agent::Step as Agent;
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

mod sqlite {
    #[tokio::test]
    async fn an_agent_killed_while_it_deploys_ends_deployed_and_verified() {
        super::killed_while_it_deploys(super::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn an_agent_killed_while_it_deploys_ends_deployed_and_verified() {
        super::killed_while_it_deploys(super::Backend::Postgres).await;
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
    let (host, name) = (&site.host, &site.host.name);
    let mut agent = host.start(&[("CERTCTL_FAULT", instant)]);
    let id = host.admitted(server).await;
    site.ask(server, &id).await;
    let killed = agent.end(instant, SOON).await;
    assert_eq!(killed.signal(), Some(9), "the agent did not pass {instant}: {killed}\n{}", agent.log());

    let _agent = host.start(&[]);
    let mapping = wait::until(&format!("{instant}: deployed and verified"), SOON, async || {
        let deployments = server.read(&format!("certificates/{name}/deployments")).await;
        let mapping = deployments["data"][0].clone();
        assert_ne!(mapping["state"], "failed", "{instant}: {mapping}");
        (mapping["state"] == "verified").then_some(mapping)
    })
    .await;
    assert_eq!(mapping["deployed_version_id"], mapping["desired_version_id"], "{instant}");
    site.check(server, &mapping).await;
    wait::until(&format!("{instant}: its jobs end"), SOON, async || {
        let open = format!("jobs WHERE completed_at IS NULL AND certificate_id = '{name}'");
        (server.database.count(&open).await == 0).then_some(())
    })
    .await;
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

    /// What is in place, what is served, and what the server says are one.
    async fn check(&self, server: &TestServer, mapping: &Value) {
        let live = self.host.path("live");
        let read = |name: &str| std::fs::read_to_string(live.join(name)).expect(name);
        let leaf: Certificate = certctl_pki::pem::split_certificates(&read("cert.pem")).expect("a chain").remove(0);
        let key = PrivateKey::from_pem(&read("key.pem")).expect("a key");
        assert_eq!(leaf.public_key(), key.public_key());
        let (address, name) = (self.endpoint.address.clone(), self.served_name());
        let served = tokio::task::spawn_blocking(move || fetch(&address, &name)).await.expect("openssl runs");
        assert_eq!(served.leaf().der(), leaf.der());
        assert_eq!(mapping["served_fingerprint"].as_str(), Some(leaf.fingerprint_sha256().as_str()));
        let versions = server.read(&format!("certificates/{}/versions", self.host.name)).await;
        assert_eq!(versions["data"][0]["fingerprint_sha256"].as_str(), Some(leaf.fingerprint_sha256().as_str()));
        let mut names: Vec<_> = std::fs::read_dir(&live)
            .expect("the directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        assert_eq!(names, ["cert.pem", "key.pem"], "nothing is left half-way");
    }
}
