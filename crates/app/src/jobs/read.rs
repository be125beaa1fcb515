//! Jobs are shown, with what a deployment did.

use std::collections::HashMap;

use certctl_domain::ids::{AgentId, CertificateId, JobId};
use certctl_domain::permission::Permission;
use certctl_domain::work::{JobKind, JobStatus};
use certctl_jobs::Job;
use certctl_store::runs::Run;

use super::{JOB, is_public, states};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::list::{COUNT_MAX, Count, Cursor, Key, Listed, NEWEST_FIRST, Start, Total, Window};
use crate::payload::{TestFound, TestPayload};
use crate::world::App;

/// Which jobs a list shows.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only those that stand so.
    pub status: Option<JobStatus>,
    /// Only those of this kind.
    pub kind: Option<JobKind>,
    /// Only those about this certificate.
    pub certificate_id: Option<CertificateId>,
    /// Only those of this agent.
    pub agent_id: Option<AgentId>,
}

/// A job, and what its deployment did.
#[derive(Debug, Clone)]
pub struct JobView {
    /// The job.
    pub job: Job,
    /// What its deployment did; absent for other kinds, and before the first attempt.
    pub run: Option<Run>,
    /// What its test of a target found; absent for other kinds, and before the agent has looked.
    pub found: Option<TestFound>,
}

impl JobView {
    fn new(job: Job, run: Option<Run>) -> Result<Self> {
        let found = match JobKind::parse(&job.kind) {
            Some(JobKind::TestTarget) => TestPayload::read(&job)?.found,
            Some(JobKind::Issuance | JobKind::Renewal | JobKind::Deployment) | None => None,
        };
        Ok(Self { job, run, found })
    }
}

impl App {
    /// One job.
    ///
    /// # Errors
    /// Missing.
    pub async fn job_get(&self, caller: &Caller, id: &JobId) -> Result<JobView> {
        caller.require(Permission::JobRead)?;
        let job = self.job_shown(id).await?;
        let run = certctl_store::runs::get(self.db(), id).await?;
        JobView::new(job, run)
    }

    /// What the handshakes of a deployment returned.
    ///
    /// # Errors
    /// Missing, also for a job that deploys nothing.
    pub async fn job_verification(&self, caller: &Caller, id: &JobId) -> Result<JobView> {
        caller.require(Permission::VerificationRead)?;
        let job = self.job_shown(id).await?;
        if job.kind != JobKind::Deployment.as_str() {
            return Err(Error::missing("verification of job", id));
        }
        let run = certctl_store::runs::get(self.db(), id).await?;
        JobView::new(job, run)
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// Unavailable.
    pub async fn job_list(&self, caller: &Caller, filter: &JobFilter, window: &Window) -> Result<Listed<JobView>> {
        caller.require(Permission::JobRead)?;
        let filter = queue_filter(filter);
        let (after, offset) = match &window.start {
            Start::Offset(offset) => (None, *offset),
            Start::After(cursor) => (Some(position(cursor)?), 0),
        };
        let limit = u64::from(window.limit);
        let mut jobs = certctl_jobs::jobs(self.db(), &filter, after.as_ref(), offset, limit + 1).await?;
        let more = jobs.len() as u64 > limit;
        jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next =
            jobs.last().filter(|_| more).map(|job| Cursor::new(NEWEST_FIRST, Key::Number(job.created_at), &job.id));
        let total = self.job_total(&filter, window.count).await?;
        Ok(Listed { items: self.with_runs(jobs).await?, total, next })
    }

    async fn job_total(&self, filter: &certctl_jobs::Filter, count: Count) -> Result<Total> {
        let cap = match count {
            Count::Bounded => COUNT_MAX + 1,
            Count::Exact => i64::MAX as u64,
        };
        let rows = certctl_jobs::count(self.db(), filter, cap).await?;
        let is_minimum = count == Count::Bounded && rows > COUNT_MAX;
        Ok(Total { rows: if is_minimum { COUNT_MAX } else { rows }, is_minimum })
    }

    async fn with_runs(&self, jobs: Vec<Job>) -> Result<Vec<JobView>> {
        let deployments = jobs.iter().filter(|job| job.kind == JobKind::Deployment.as_str());
        let ids: Vec<&str> = deployments.map(|job| job.id.as_str()).collect();
        let runs = certctl_store::runs::of_jobs(self.db(), &ids).await?;
        let mut runs: HashMap<String, Run> = runs.into_iter().map(|run| (run.job_id.to_string(), run)).collect();
        let with_run = |job: Job| {
            let run = runs.remove(&job.id);
            JobView::new(job, run)
        };
        jobs.into_iter().map(with_run).collect()
    }

    pub(super) async fn job_shown(&self, id: &JobId) -> Result<Job> {
        let job = certctl_jobs::job(self.db(), id.as_str()).await?;
        job.filter(|job| is_public(&job.kind)).ok_or_else(|| Error::missing(JOB.what, id))
    }
}

fn queue_filter(filter: &JobFilter) -> certctl_jobs::Filter {
    let kinds = filter.kind.map_or_else(|| JobKind::ALL.to_vec(), |kind| vec![kind]);
    certctl_jobs::Filter {
        states: filter.status.map(states).unwrap_or_default(),
        kinds: kinds.into_iter().map(|kind| kind.as_str().to_owned()).collect(),
        certificate_id: filter.certificate_id.as_ref().map(ToString::to_string),
        agent_id: filter.agent_id.as_ref().map(ToString::to_string),
    }
}

fn position(cursor: &Cursor) -> Result<certctl_jobs::Cursor> {
    match cursor.key {
        Key::Number(created_at) => Ok(certctl_jobs::Cursor { created_at, id: cursor.id.clone() }),
        Key::Text(_) | Key::Null => Err(Error::invalid("cursor", crate::list::CursorError.to_string())),
    }
}
