//! The workers of this server: they lease due jobs, as many as there are free hands, and run each to its next resting place.

use std::sync::Arc;
use std::time::Duration;

use certctl_jobs::{Claim, Job, State};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Result;
use crate::issue::Attempt;
use crate::world::App;

/// Topic of the wake for work of the server.
pub const TOPIC: &str = "jobs:server";
/// A wake may be lost, and a pause of a job ends without one: look at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const AFTER_TROUBLE: Duration = Duration::from_secs(2);

impl App {
    /// Leases and runs what is due now, until nothing is; returns how many jobs were run. For tests on virtual time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn run_due(&self) -> Result<usize> {
        let mut ran = 0;
        loop {
            let jobs = self.lease_due(u64::try_from(self.settings().concurrency).unwrap_or(1)).await?;
            if jobs.is_empty() {
                return Ok(ran);
            }
            ran += jobs.len();
            let runs = jobs.iter().map(|job| self.job_run(job));
            futures::future::join_all(runs).await;
        }
    }

    async fn lease_due(&self, limit: u64) -> Result<Vec<Job>> {
        let ask = Claim {
            states: &[State::Pending, State::AwaitingIssuer],
            worker: &self.settings().worker,
            now: self.now().unix_micros(),
            lease_until: self.lease_until(),
            limit: limit.min(self.settings().claim_max),
        };
        Ok(certctl_jobs::claim(self.db(), &ask).await?)
    }

    async fn job_run(&self, job: &Job) {
        let Some(lease) = job.lease() else { return };
        if job.kind == crate::policies::REPLAN {
            if let Err(error) = self.replan_run(job, &lease).await {
                // The lease runs out by itself, and the job starts over.
                tracing::warn!(job.id = %job.id, error = &error as &dyn std::error::Error, "job {} was left where it stood", job.id);
            }
            return;
        }
        match self.issuance_run(job, &lease).await {
            Ok(Attempt::Issued(version)) => {
                tracing::info!(job.id = %job.id, version.id = %version.id, "job {} issued version {}", job.id, version.id)
            }
            Ok(Attempt::Waits) => tracing::debug!(job.id = %job.id, "job {} waits", job.id),
            Ok(Attempt::Stopped) => tracing::info!(job.id = %job.id, "job {} was called off", job.id),
            Ok(Attempt::Failed(_)) => {}
            // The lease runs out by itself, and the job is found again.
            Err(error) => {
                tracing::error!(job.id = %job.id, error = &error as &dyn std::error::Error, "job {} was left where it stood", job.id)
            }
        }
    }

    /// Runs jobs until told to stop, then finishes what runs.
    pub async fn run_jobs(&self, stop: CancellationToken) {
        let hands = Arc::new(Semaphore::new(self.settings().concurrency));
        let running = TaskTracker::new();
        let mut wakes = self.db().notifier().subscribe();
        while !stop.is_cancelled() {
            // With no hand free there is nothing to ask for, and the first one that is free has its next job at once.
            tokio::select! {
                () = stop.cancelled() => break,
                free = hands.acquire() => drop(free),
            }
            let free = hands.available_permits();
            let pause = match self.lease_due(u64::try_from(free).unwrap_or(0)).await {
                Ok(jobs) if jobs.is_empty() => LOOK_EVERY.min(self.settings().job_check),
                Ok(jobs) => {
                    for job in jobs {
                        self.spawn_job(&hands, &running, job).await;
                    }
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!("asking for work failed: {error}");
                    AFTER_TROUBLE
                }
            };
            if pause.is_zero() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = crate::wake::heard(&mut wakes, TOPIC) => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        running.close();
        running.wait().await;
    }

    async fn spawn_job(&self, hands: &Arc<Semaphore>, running: &TaskTracker, job: Job) {
        let Ok(hand) = Arc::clone(hands).acquire_owned().await else { return };
        let app = self.clone();
        running.spawn(async move {
            app.job_run(&job).await;
            drop(hand);
        });
    }
}
