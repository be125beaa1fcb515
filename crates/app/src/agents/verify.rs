//! A handshake that an agent reports apart from the result of its deployment.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{JobId, TargetId};
use certctl_domain::target::{Mapping, VerifyStatus};
use certctl_jobs::lease;
use certctl_pki::Timestamp;
use certctl_store::runs::Run;
use futures::FutureExt as _;

use super::csr::lease_held;
use super::report::{Report, lease_gone, wants};
use crate::caller::Caller;
use crate::edit::anew;
use crate::error::{Error, Result};
use crate::world::App;

/// What the verification route says.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The target.
    pub target_id: TargetId,
    /// What should be served.
    pub expected_fingerprint: String,
    /// What is served.
    pub actual_fingerprint: String,
    /// Whether they are the same.
    pub verified: bool,
    /// Why it could not be told.
    pub error: Option<String>,
}

impl App {
    /// Writes what a handshake of the agent returned, for agents that report it apart from the result, and before it. The last
    /// one counts: one that returned something else makes the result a failure, one that returned the certificate is its proof.
    ///
    /// # Errors
    /// [`Error::Missing`] for a job of another agent; [`Error::Refused`] on a target that is not the job's;
    /// [`Error::Conflict`] when the result is on record already, or the lease is lost.
    pub async fn agent_job_verify(&self, caller: &Caller, id: &JobId, said: &Verification) -> Result<Timestamp> {
        anew(|| self.job_verify(caller, id, said).boxed()).await
    }

    async fn job_verify(&self, caller: &Caller, id: &JobId, said: &Verification) -> Result<Timestamp> {
        self.agent_alive(caller).await?;
        let job = self.agent_job(caller, id).await?;
        let facts = self.deployment_facts(&job).await?;
        if facts.run.target_id != said.target_id {
            return Err(Error::invalid("target_id", format!("job {id} is for target {}", facts.run.target_id)));
        }
        if let Some(outcome) = &facts.run.outcome {
            let message = format!("deployment {id} is reported {outcome}; a handshake is reported before that");
            return Err(Error::conflict("already_reported", message));
        }
        lease_held(caller, &job, None)?;
        let held = job.lease().ok_or_else(lease_gone)?;
        let now = self.now();
        let wrong = said.wrong(&facts.run);
        let status = if wrong.is_none() { VerifyStatus::Success } else { VerifyStatus::Failed };
        let run = Run {
            verify_status: status,
            verified_at: Some(now),
            verify_error: wrong.clone(),
            served_fingerprint: Some(said.actual_fingerprint.clone()).filter(|text| !text.is_empty()),
            ..facts.run
        };
        let mut unit = Unit::new();
        // A result, or another holder, that came meanwhile has ended this lease.
        lease::extend(&mut unit, &held, (now + self.settings().agent_lease).unix_micros());
        certctl_store::runs::report(&mut unit, &run);
        if let Some(mapping) = facts.mapping.filter(|mapping| wants(mapping, &run)) {
            let after = Mapping {
                verify_status: status,
                verified_at: Some(now),
                served_fingerprint: run.served_fingerprint.clone(),
                ..mapping.clone()
            };
            certctl_store::mappings::verify(&mut unit, &mapping, &after);
        }
        let event = Event::new(Action::JobStatusReported, id)
            .with("verified", wrong.is_none())
            .with_some("error", wrong.as_deref());
        self.audit(&mut unit, caller, event);
        self.commit(unit).await?;
        Ok(now)
    }
}

impl Verification {
    /// Why the handshake is no proof; nothing when it is.
    fn wrong(&self, run: &Run) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(error.clone());
        }
        if self.actual_fingerprint != run.expected_fingerprint {
            return Some(served_another(&self.actual_fingerprint, run));
        }
        (!self.verified).then(|| "the agent says that the certificate is not served".to_owned())
    }
}

/// A result with the proof that came before it, where it brings none itself.
pub(super) fn with_handshake(report: &Report, run: &Run) -> Report {
    let known = (run.verify_status == VerifyStatus::Success).then(|| run.served_fingerprint.clone()).flatten();
    Report { served_fingerprint: report.served_fingerprint.clone().or(known), ..report.clone() }
}

/// Why a deployment that is reported as done is not; nothing when nobody looked, or the right certificate was seen.
pub(super) fn not_served(report: &Report, run: &Run) -> Option<String> {
    match report.served_fingerprint.as_deref() {
        _ if run.verify_status == VerifyStatus::Failed => {
            Some(run.verify_error.clone().unwrap_or_else(|| "a handshake has failed".to_owned()))
        }
        Some(served) if served != run.expected_fingerprint => Some(served_another(served, run)),
        Some(_) | None => None,
    }
}

fn served_another(served: &str, run: &Run) -> String {
    format!("a handshake returned {served} instead of {}", run.expected_fingerprint)
}
