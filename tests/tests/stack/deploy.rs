//! The agent as it is, on the server as it ships: it is killed while it deploys, started again, and ends with a certificate that
//! is in place and was seen in a handshake.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certctl_db::Backend;
use certctl_pki::{Certificate, PrivateKey};
use certctl_testkit::wait;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::agent::token;
use crate::support::endpoint::Endpoint;
use crate::support::openssl::fetch;
use crate::support::process::{Process, with_failpoints};
use crate::support::server::{TestServer, certificate};

const SOON: Duration = Duration::from_secs(60);

/// From the moment when the certificate is there until the server has heard that it is served. All other instants are those of
/// the tests of agent and targets.
fn instants() -> [&'static str; 12] {
    [
        certctl_agent::Step::CertificateFetched.point(),
        certctl_targets::Step::Intent.point(),
        certctl_targets::Step::Stage.point(),
        certctl_targets::Step::Rename.point(),
        certctl_targets::Step::SyncDirectory.point(),
        certctl_targets::Step::Commit.point(),
        certctl_targets::Step::Verify.point(),
        certctl_targets::Step::Finish.point(),
        certctl_targets::Step::CleanUp.point(),
        certctl_agent::Step::Deployed.point(),
        certctl_agent::Step::ResultRecorded.point(),
        certctl_agent::Step::ResultReported.point(),
    ]
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
    let Some(server) = TestServer::start(backend).await else { return };
    join_all(instants().into_iter().map(|instant| killed_at(&server, &program, instant))).await;
    let database = &server.database;
    assert_eq!(
        database.count("certificate_versions WHERE state = 'issued' AND purpose = 'leaf'").await,
        12,
        "issued twice"
    );
    assert_eq!(database.count("jobs WHERE state <> 'succeeded'").await, 0);
    assert_eq!(database.count("agents").await, 12, "enrolled twice");
}

async fn killed_at(server: &TestServer, program: &Path, instant: &str) {
    let host = Host::new(server, program, instant).await;
    let mut agent = host.start(&[("CERTCTL_FAULT", instant)]);
    let id = wait::until(&format!("{instant}: the agent enrols"), SOON, async || {
        let agents = server.read("agents?per_page=100").await;
        let agents = agents["data"].as_array().expect("agents").clone();
        agents.into_iter().find(|agent| agent["name"] == host.name.as_str()).map(|agent| agent["id"].clone())
    })
    .await;
    host.ask(server, &id).await;
    let killed = agent.end(instant, SOON).await;
    assert_eq!(killed.signal(), Some(9), "the agent did not pass {instant}: {killed}\n{}", agent.log());

    let _agent = host.start(&[]);
    let mapping = wait::until(&format!("{instant}: deployed and verified"), SOON, async || {
        let deployments = server.read(&format!("certificates/{}/deployments", host.name)).await;
        let mapping = deployments["data"][0].clone();
        assert_ne!(mapping["state"], "failed", "{instant}: {mapping}");
        (mapping["state"] == "verified").then_some(mapping)
    })
    .await;
    assert_eq!(mapping["deployed_version_id"], mapping["desired_version_id"], "{instant}");
    host.check(server, &mapping).await;
    wait::until(&format!("{instant}: its jobs end"), SOON, async || {
        let open = format!("jobs WHERE completed_at IS NULL AND certificate_id = '{}'", host.name);
        (server.database.count(&open).await == 0).then_some(())
    })
    .await;
}

/// Where an agent runs, and what it serves there.
struct Host {
    name: String,
    directory: tempfile::TempDir,
    endpoint: Endpoint,
    program: PathBuf,
    env: Vec<(String, String)>,
}

impl Host {
    async fn new(server: &TestServer, program: &Path, instant: &str) -> Self {
        let name = instant.replace(['.', '_'], "-");
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().canonicalize().expect("a path").join(name);
        for (name, mode) in [("live", 0o755), ("keys", 0o700), ("state", 0o700)] {
            std::fs::create_dir(path(name)).expect("a directory");
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).expect("permissions");
        }
        std::fs::write(path("ca.pem"), server.setup.ca().expect("an anchor")).expect("the anchor");
        std::fs::write(path("policy.toml"), format!("allowed_paths = [{:?}]\n", path("live"))).expect("a policy");
        std::fs::set_permissions(path("policy.toml"), std::fs::Permissions::from_mode(0o600)).expect("permissions");
        let endpoint = Endpoint::serve(&path("live/cert.pem"), &path("live/key.pem")).await;
        let text = |name: &str| path(name).display().to_string();
        let env = [
            ("CERTCTL_SERVER_URL", server.setup.url()),
            ("CERTCTL_SERVER_CA_BUNDLE_PATH", text("ca.pem")),
            ("CERTCTL_AGENT_STATE_DIR", text("state")),
            ("CERTCTL_KEY_DIR", text("keys")),
            ("CERTCTL_AGENT_POLICY_PATH", text("policy.toml")),
            ("CERTCTL_AGENT_BOOTSTRAP_TOKEN", token(server, &json!({ "max_uses": 1 })).await),
            ("CERTCTL_AGENT_NAME", name.clone()),
            ("CERTCTL_LOG_FORMAT", "text".to_owned()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { name, directory, endpoint, program: program.to_owned(), env }
    }

    fn start(&self, more: &[(&str, &str)]) -> Process {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env: Vec<_> = self.env.iter().cloned().chain(more).collect();
        Process::start(&self.program, &[], &env, &self.directory.path().join("agent.log"))
    }

    fn served_name(&self) -> String {
        format!("{}.example", self.name)
    }

    /// A target of this agent, and a certificate for it.
    async fn ask(&self, server: &TestServer, agent: &Value) {
        let live = self.directory.path().canonicalize().expect("a path").join("live");
        let config = json!({
            "cert_path": live.join("cert.pem"),
            "key_path": live.join("key.pem"),
            "post_deploy_verify": { "enabled": true, "endpoint": self.endpoint.address, "server_name": self.served_name() },
        });
        let target = json!({ "id": self.name, "name": self.name, "type": "File", "agent_id": agent, "config": config });
        server.made("targets", &target).await;
        let mut body = certificate(&self.served_name());
        body["id"] = self.name.clone().into();
        body["target_ids"] = json!([self.name]);
        server.made("certificates", &body).await;
        server.made(&format!("certificates/{}/renew", self.name), &json!({})).await;
    }

    /// What is in place, what is served, and what the server says are one.
    async fn check(&self, server: &TestServer, mapping: &Value) {
        let live = self.directory.path().join("live");
        let read = |name: &str| std::fs::read_to_string(live.join(name)).expect(name);
        let leaf: Certificate = certctl_pki::pem::split_certificates(&read("cert.pem")).expect("a chain").remove(0);
        let key = PrivateKey::from_pem(&read("key.pem")).expect("a key");
        assert_eq!(leaf.public_key(), key.public_key());
        let (address, name) = (self.endpoint.address.clone(), self.served_name());
        let served = tokio::task::spawn_blocking(move || fetch(&address, &name)).await.expect("openssl runs");
        assert_eq!(served.leaf().der(), leaf.der());
        assert_eq!(mapping["served_fingerprint"].as_str(), Some(leaf.fingerprint_sha256().as_str()));
        let versions = server.read(&format!("certificates/{}/versions", self.name)).await;
        assert_eq!(versions["data"][0]["fingerprint_sha256"].as_str(), Some(leaf.fingerprint_sha256().as_str()));
        let mut names: Vec<_> = std::fs::read_dir(&live)
            .expect("the directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        assert_eq!(names, ["cert.pem", "key.pem"], "nothing is left half-way");
    }
}
