//! An agent that does its work at once: it makes keys, sends requests, "installs" by remembering, and reports what it serves.

use std::collections::HashMap;
use std::time::Duration;

use certctl_app::agents::{Report, Task, WorkItem};
use certctl_app::{App, Caller};
use certctl_db::Unit;
use certctl_domain::agent::Agent;
use certctl_domain::audit::Origin;
use certctl_domain::ids::{AgentId, CertificateId, TargetId};
use certctl_domain::target::Target;
use certctl_pki::{Csr, KeyKind, PrivateKey, Timestamp};

use crate::world::TestWorld;

/// What came of a piece of work.
enum Outcome {
    Requested(CertificateId, PrivateKey),
    Serves((CertificateId, TargetId), (String, Timestamp)),
    Looked,
}

/// A simulated agent.
pub struct TestAgent {
    /// Its id.
    pub id: AgentId,
    /// What it serves at each target: fingerprint and end.
    pub served: HashMap<(CertificateId, TargetId), (String, Timestamp)>,
    /// Requests sent.
    pub requests: usize,
    keys: HashMap<CertificateId, PrivateKey>,
}

impl TestAgent {
    /// Adds an agent with one target `<id>-target`.
    ///
    /// # Panics
    /// When its rows cannot be written.
    pub async fn add(world: &TestWorld, id: &'static str) -> Self {
        let now = certctl_app::Clock::now(world.clock.as_ref());
        let agent = Agent {
            id: AgentId::fixed(id),
            name: id.to_owned(),
            hostname: id.to_owned(),
            os: "linux".to_owned(),
            architecture: "x86_64".to_owned(),
            ip_address: String::new(),
            version: "test".to_owned(),
            enrolled: true,
            last_heartbeat_at: Some(now),
            registered_at: now,
            retired_at: None,
            retired_reason: None,
            updated_at: now,
            revision: 1,
        };
        let target = Target {
            id: TargetId::parse(&format!("{id}-target")).expect("an id"),
            name: "target".to_owned(),
            kind: "File".to_owned(),
            agent_id: agent.id.clone(),
            config: r#"{"cert_path":"/etc/ssl/a.pem"}"#.to_owned(),
            sealed_config: None,
            enabled: true,
            source: "database".to_owned(),
            test_status: "untested".to_owned(),
            last_tested_at: None,
            retired_at: None,
            retired_reason: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let mut unit = Unit::new();
        certctl_store::agents::insert(&mut unit, &agent);
        certctl_store::targets::insert(&mut unit, &target);
        world.db.db.commit(unit).await.expect("an agent");
        Self { id: agent.id, served: HashMap::new(), requests: 0, keys: HashMap::new() }
    }

    /// Its target.
    #[must_use]
    pub fn target(&self) -> TargetId {
        TargetId::parse(&format!("{}-target", self.id)).expect("an id")
    }

    /// Its credential.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller::agent(self.id.clone(), Origin::default())
    }

    /// Does all work there is; returns how much that was.
    ///
    /// # Panics
    /// When the server refuses what an honest agent does.
    pub async fn work(&mut self, app: &App) -> usize {
        let mut done = 0;
        loop {
            let items = app.agent_work(&self.caller(), Duration::ZERO, false).await.expect("work is answered");
            if items.is_empty() {
                return done;
            }
            done += items.len();
            // At the same time, as a worker pool does it: their units share commits.
            let outcomes = futures::future::join_all(items.into_iter().map(|item| self.item(app, item))).await;
            for outcome in outcomes {
                self.remember(outcome);
            }
        }
    }

    /// Does one piece of work that it was handed.
    ///
    /// # Panics
    /// As [`TestAgent::work`].
    pub async fn answer(&mut self, app: &App, item: WorkItem) {
        let outcome = self.item(app, item).await;
        self.remember(outcome);
    }

    fn remember(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Requested(certificate, key) => {
                self.requests += 1;
                self.keys.insert(certificate, key);
            }
            Outcome::Serves(place, served) => {
                self.served.insert(place, served);
            }
            Outcome::Looked => {}
        }
    }

    async fn item(&self, app: &App, item: WorkItem) -> Outcome {
        let job = certctl_domain::ids::JobId::parse(&item.job.id).expect("a job id");
        match &item.task {
            Task::Request { certificate, .. } => {
                let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("a key");
                let csr = Csr::build(&key, Some(&certificate.common_name), &certificate.sans).expect("a request");
                let answer = app
                    .agent_csr_submit(&self.caller(), Some(&job), None, Some(item.job.lease_epoch), &csr.to_pem())
                    .await;
                answer.expect("the request is taken");
                Outcome::Requested(certificate.id.clone(), key)
            }
            Task::Deploy { certificate, target, version, .. } => {
                let certificate = certificate.id.clone();
                let pem = app.agent_certificate(&self.caller(), &certificate).await.expect("the certificate is given");
                let leaf = certctl_pki::pem::split_certificates(&pem).expect("a chain").remove(0);
                let key = self.keys.get(&certificate).expect("this agent made the key");
                assert_eq!(leaf.public_key(), key.public_key(), "the certificate is for this agent's key");
                assert_eq!(Some(leaf.fingerprint_sha256()), version.fingerprint_sha256, "it is the version of the job");
                let report = Report {
                    lease_epoch: Some(item.job.lease_epoch),
                    served_fingerprint: Some(leaf.fingerprint_sha256()),
                    deployed_fingerprint: Some(leaf.fingerprint_sha256()),
                    ..Report::default()
                };
                app.agent_job_completed(&self.caller(), &job, &report).await.expect("the result is taken");
                Outcome::Serves((certificate, target.id.clone()), (leaf.fingerprint_sha256(), leaf.not_after()))
            }
            Task::Test { .. } => {
                let report = Report { lease_epoch: Some(item.job.lease_epoch), ..Report::default() };
                app.agent_job_completed(&self.caller(), &job, &report).await.expect("the result is taken");
                Outcome::Looked
            }
        }
    }
}
