//! An agent is retired: its credentials die, and with force everything that hangs on it is let go in the same unit of work.

use certctl_db::Unit;
use certctl_domain::agent::Agent;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::{AgentId, CertificateId};
use certctl_domain::permission::Permission;
use certctl_domain::work::FailureClass;
use certctl_jobs::lease::{self, Failure};
use certctl_jobs::{Executor, Filter, Job, State};
use certctl_pki::Timestamp;

use super::{AGENT, Dependencies};
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::{Error, Result};
use crate::world::App;

/// How an agent is to be retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retire {
    /// Only if nothing hangs on it.
    IfFree {
        /// Why, if somebody says so.
        reason: Option<String>,
    },
    /// With everything that hangs on it.
    WithAll {
        /// Why.
        reason: String,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retired {
    /// It was retired now.
    Now {
        /// When.
        at: Timestamp,
        /// Whether its targets went with it.
        cascade: bool,
        /// What hung on it before.
        counts: Dependencies,
        /// Certificates that lost a target, the first [`LISTED_MAX`] by id.
        certificates: Vec<CertificateId>,
    },
    /// It was retired before; nothing changed.
    Before,
}

/// Most certificates that the answer names; the count tells of the rest.
pub const LISTED_MAX: u64 = 1_000;
/// Longest reason, in characters.
const REASON_MAX: usize = 500;
/// Most open jobs of one agent that are called off with it.
const JOBS_MAX: u64 = 10_000;

impl App {
    /// Retires an agent. Its certificate and key are refused from the commit on.
    ///
    /// # Errors
    /// Missing; `blocked_by_dependencies` with the counts, where anything hangs on it and force is not asked for.
    pub async fn agent_retire(&self, caller: &Caller, id: &AgentId, how: &Retire) -> Result<Retired> {
        caller.require(Permission::AgentRetire)?;
        check(how)?;
        for _ in 0..edit::LOOKS {
            let stored = self.agent_known(id).await?;
            if stored.retired_at.is_some() {
                return Ok(Retired::Before);
            }
            let jobs = self.agent_open_jobs(id).await?;
            let counts = self.agent_dependencies(id, &jobs).await?;
            if counts.any() && matches!(how, Retire::IfFree { .. }) {
                return Err(blocked(&stored, counts));
            }
            let certificates = certctl_store::mappings::certificates_of_agent(self.db(), id, LISTED_MAX).await?;
            let mut unit = self.agent_retirement(caller, &stored, how, &jobs, counts, &certificates);
            for job in &jobs {
                self.approval_withdraw(&mut unit, caller, job, "the agent that would hold the key was retired").await?;
            }
            if self.commit_edit(AGENT, unit).await? == Committed::Done {
                return Ok(Retired::Now { at: self.now(), cascade: counts.any(), counts, certificates });
            }
        }
        Err(edit::busy(AGENT.what))
    }

    async fn agent_open_jobs(&self, id: &AgentId) -> Result<Vec<Job>> {
        let filter = Filter { states: State::OPEN.to_vec(), agent_id: Some(id.to_string()), ..Filter::default() };
        Ok(certctl_jobs::jobs(self.db(), &filter, None, 0, JOBS_MAX).await?)
    }

    async fn agent_dependencies(&self, id: &AgentId, jobs: &[Job]) -> Result<Dependencies> {
        let mut counts = certctl_store::agents::dependencies(self.db(), id).await?;
        counts.pending_jobs = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        Ok(counts)
    }

    fn agent_retirement(
        &self,
        caller: &Caller,
        stored: &Agent,
        how: &Retire,
        jobs: &[Job],
        counts: Dependencies,
        certificates: &[CertificateId],
    ) -> Unit {
        let now = self.now();
        let mut agent = stored.clone();
        agent.retired_at = Some(now);
        agent.retired_reason = how.reason().map(str::to_owned);
        agent.updated_at = now;
        agent.revision += 1;
        let mut unit = Unit::new();
        certctl_store::agents::retire(&mut unit, &agent);
        certctl_store::agents::revoke_credentials(&mut unit, &agent.id, now);
        certctl_store::tokens::revoke_of_agent(&mut unit, &agent.id, now);
        certctl_store::mappings::orphan_of_agent(&mut unit, &agent.id, &format!("agent {} was retired", agent.name));
        certctl_store::targets::retire_of_agent(&mut unit, &agent.id, now, how.reason());
        for job in jobs {
            self.call_off(&mut unit, job, &agent);
        }
        let ids = certificates.iter().map(ToString::to_string).collect::<Vec<String>>();
        let event = Event::new(Action::AgentRetired, &agent.id)
            .with("name", agent.name.as_str())
            .with_some("reason", how.reason())
            .with("cascade", counts.any())
            .with("active_targets", count(counts.active_targets))
            .with("active_certificates", count(counts.active_certificates))
            .with("cancelled_jobs", count(counts.pending_jobs))
            .with("certificate_ids", ids);
        self.audit(&mut unit, caller, event);
        self.announce(&mut unit, "agent.retired", agent.id.as_str());
        unit.wake(certctl_store::keys::CHANGED);
        unit.wake(crate::agents::topic(agent.id.as_str()));
        unit
    }

    /// Ends an open job of a retired agent. Where the server itself is at work for the agent, a signature may be under way:
    /// it is asked to stop at its next safe point.
    fn call_off(&self, unit: &mut Unit, job: &Job, agent: &Agent) {
        let failure = Failure {
            class: FailureClass::AgentRetired.as_str().to_owned(),
            error: format!("agent {} was retired", agent.name),
        };
        let by_server = job.executor == Executor::Server && job.lease_until.is_some();
        if by_server {
            lease::request_cancel(unit, &job.fence());
        } else {
            lease::call_off(unit, &job.fence(), &failure, self.now().unix_micros());
        }
    }
}

impl Retire {
    fn reason(&self) -> Option<&str> {
        match self {
            Self::IfFree { reason } => reason.as_deref(),
            Self::WithAll { reason } => Some(reason),
        }
    }
}

fn check(how: &Retire) -> Result<()> {
    if matches!(how, Retire::WithAll { reason } if reason.trim().is_empty()) {
        return Err(Error::invalid(
            "reason",
            "is required with force: say why the agent goes with all that hangs on it",
        ));
    }
    match how.reason() {
        Some(text) if text.chars().count() > REASON_MAX || text.chars().any(char::is_control) => {
            Err(Error::invalid("reason", format!("has at most {REASON_MAX} characters and no control character")))
        }
        Some(_) | None => Ok(()),
    }
}

fn blocked(agent: &Agent, counts: Dependencies) -> Error {
    Error::Conflict {
        code: "blocked_by_dependencies",
        message: format!(
            "agent {} still has {} targets, {} certificates and {} open jobs; move them, or retire it with force and a reason",
            agent.name, counts.active_targets, counts.active_certificates, counts.pending_jobs
        ),
        details: vec![
            ("active_targets".to_owned(), counts.active_targets.to_string()),
            ("active_certificates".to_owned(), counts.active_certificates.to_string()),
            ("pending_jobs".to_owned(), counts.pending_jobs.to_string()),
        ],
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
