//! What an agent itself calls.

use std::time::Duration;

use certctl_wire::{
    AgentCertificate, CsrSubmit, Heartbeat, IdentityAnswer, IdentityRequest, JobStatusReport, RegisterAnswer,
    RegisterRequest, VerifyAnswer, VerifyReport, Work,
};
use secrecy::{ExposeSecret, SecretString};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// Registers this agent. The same token with the same key within its lifetime gives the same agent again.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_register(&self, token: &SecretString, ask: &RegisterRequest) -> Result<RegisterAnswer, Error> {
        let call = Call::post(api(["agents", "register"])).anonymous();
        self.read(call.header("x-certctl-agent-bootstrap", token.expose_secret()).body(ask)?).await
    }

    /// Has the identity certificate renewed.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_identity_renew(&self, id: &str, ask: &IdentityRequest) -> Result<IdentityAnswer, Error> {
        self.read(Call::post(api(["agents", id, "identity"])).body(ask)?).await
    }

    /// Says that this agent lives. 410: it is retired.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_heartbeat(&self, id: &str, facts: &Heartbeat) -> Result<(), Error> {
        self.done(Call::post(api(["agents", id, "heartbeat"])).body(facts)?).await
    }

    /// Takes work, waiting up to `wait` (at most 25 s) for some to come. 410: this agent is retired.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_work(&self, id: &str, wait: Duration) -> Result<Work, Error> {
        let wait = wait.min(WAIT_MAX);
        let query = Query::new().filter("wait", (!wait.is_zero()).then(|| wait.as_secs().to_string()));
        // Asking takes work: an answer that may be lost is the agent's to know of.
        self.read(Call::get(api(["agents", id, "work"])).query(query).timeout(LONG_POLL_TIMEOUT).once()).await
    }

    /// As [`Client::agent_work`], of an agent that just started and works on nothing: what it held before is given out again
    /// at once, and not when its leases are over.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_work_resume(&self, id: &str) -> Result<Work, Error> {
        let query = Query::new().filter("resume", Some("true".to_owned()));
        self.read(Call::get(api(["agents", id, "work"])).query(query)).await
    }

    /// Sends the request an `AwaitingCSR` job asked for; the same one again gives the same answer.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_csr_submit(&self, id: &str, csr: &CsrSubmit) -> Result<String, Error> {
        self.word(Call::post(api(["agents", id, "csr"])).body(csr)?).await
    }

    /// The current version of a certificate for this agent's key.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_certificate(&self, id: &str, certificate_id: &str) -> Result<AgentCertificate, Error> {
        self.read(Call::get(api(["agents", id, "certificates", certificate_id]))).await
    }

    /// Reports how a job stands. 409: the lease is lost, or the job ended otherwise.
    ///
    /// # Errors
    /// As every call.
    pub async fn agent_job_report(&self, id: &str, job_id: &str, report: &JobStatusReport) -> Result<(), Error> {
        self.done(Call::post(api(["agents", id, "jobs", job_id, "status"])).body(report)?).await
    }

    /// Reports what a handshake returned.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_verify(&self, job_id: &str, report: &VerifyReport) -> Result<VerifyAnswer, Error> {
        self.read(Call::post(api(["jobs", job_id, "verify"])).body(report)?).await
    }
}

const WAIT_MAX: Duration = Duration::from_secs(25);
const LONG_POLL_TIMEOUT: Duration = Duration::from_secs(40);
