//! What agents ask for. Every use case takes the agent from its credential; a path, job or certificate of another agent does
//! not exist for it, and the attempt is on record.

mod csr;
pub mod fetch;
mod heartbeat;
mod identity;
mod register;
mod report;
mod test;
mod verify;
mod work;

pub use csr::CsrAnswer;
pub use heartbeat::Heartbeat;
pub use identity::{AGENT_KEY_PREFIX, IDENTITY_LIFE, NewIdentity};
pub use register::{Admission, Registration};
pub(crate) use report::certificate_of;
pub use report::{Report, Step};
pub use verify::Verification;
pub use work::{KeyWanted, Task, WAIT_MAX, WorkItem};

use certctl_db::Unit;
use certctl_domain::agent::Agent;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::JobId;
use certctl_jobs::Job;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// Topic of the wake for work of an agent.
pub(crate) fn topic(agent: &str) -> String {
    format!("jobs:{agent}")
}

impl App {
    /// The agent behind the caller, alive.
    pub(crate) async fn agent_alive(&self, caller: &Caller) -> Result<Agent> {
        let id = caller.require_agent()?;
        let agent = certctl_store::agents::get(self.db(), id).await?.ok_or_else(|| Error::missing("agent", id))?;
        if agent.retired_at.is_some() {
            return Err(Error::Gone {
                code: "agent_retired",
                message: format!("agent {} was retired; stop it", agent.name),
            });
        }
        Ok(agent)
    }

    /// A job of the calling agent; one of another agent does not exist.
    pub(crate) async fn agent_job(&self, caller: &Caller, id: &JobId) -> Result<Job> {
        let agent = caller.require_agent()?;
        let job = certctl_jobs::job(self.db(), id.as_str()).await?;
        match job {
            Some(job) if job.agent_id.as_deref() == Some(agent.as_str()) => Ok(job),
            Some(_) => self.agent_mismatch(caller, "job", id.as_str()).await,
            None => Err(Error::missing("job", id)),
        }
    }

    /// Records that an agent asked for what is another's, and answers as if it did not exist.
    ///
    /// # Errors
    /// Always [`Error::Missing`], unless the record cannot be written.
    pub async fn agent_mismatch<T>(&self, caller: &Caller, what: &'static str, id: &str) -> Result<T> {
        let mut unit = Unit::new();
        let event =
            Event::new(Action::AgentIdentityMismatch, &caller.actor.id).with("asked_for", format!("{what} {id}"));
        self.audit(&mut unit, caller, event);
        self.commit(unit).await?;
        Err(Error::missing(what, id))
    }
}

/// An id of a job, as an id of ours.
pub(crate) fn job_id(job: &Job) -> Result<JobId> {
    JobId::parse(&job.id).map_err(|error| Error::bug("reading a job id", error))
}
