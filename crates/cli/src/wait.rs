//! Waiting for work to be done, with a line for every step.

use std::time::Duration;

use certctl_wire::{Deployment, Job, JobStatus, MappingState};
use serde_json::json;
use tokio::time::Instant;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::session::Session;

/// Pause before the first second look.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Until when somebody is ready to wait, and how often they look.
pub(crate) struct Patience {
    limit: Duration,
    until: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, until: Instant::now() + limit, pause: PAUSE_MIN }
    }

    /// Waits a little longer; `what` is said when there is no time left.
    async fn pause(&mut self, what: &str) -> Result<()> {
        let now = Instant::now();
        if now >= self.until {
            let limit = certctl_wire::settings::duration_text(self.limit);
            let failure = Failure::new(Exit::TimedOut, "timed_out", format!("not done after {limit}: {what}"));
            return Err(failure.hint("the work goes on; wait longer with --timeout, or look again: certctl job list"));
        }
        tokio::time::sleep_until(self.until.min(now + self.pause)).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// Waits until a job has ended well.
pub(crate) async fn job(session: &mut Session<'_>, id: &str, patience: &mut Patience) -> Result<Job> {
    let job = job_ended(session, id, patience).await?;
    if job.status == JobStatus::Completed { Ok(job) } else { Err(ended(&job)) }
}

/// Waits until a job has ended, well or not.
pub(crate) async fn job_ended(session: &mut Session<'_>, id: &str, patience: &mut Patience) -> Result<Job> {
    let mut last = String::new();
    loop {
        let job = session.client.job(id).await?;
        let now = standing(&job);
        if now != last {
            step(
                session,
                id,
                &format!("{} {now}", job.r#type),
                &json!({
                    "job_id": id, "type": job.r#type, "status": job.status, "phase": job.phase, "attempts": job.attempts,
                    "error": job.last_error,
                }),
            );
            last = now;
        }
        if job.status.is_final() {
            return Ok(job);
        }
        patience.pause(&format!("job {id} is {last}")).await?;
    }
}

/// Waits until a handshake has proved the certificate at every target.
pub(crate) async fn deployments(
    session: &mut Session<'_>,
    certificate_id: &str,
    patience: &mut Patience,
) -> Result<()> {
    let mut seen: Vec<(String, String)> = Vec::new();
    loop {
        let rows = session.client.certificate_deployments(certificate_id).await?.data;
        for row in &rows {
            let now = (row.target_id.clone(), place(row));
            if !seen.contains(&now) {
                step(
                    session,
                    &row.target_id,
                    &format!("{} {}", row.target.name, now.1),
                    &json!({
                        "target_id": row.target_id, "target": row.target.name, "state": row.state, "error": row.last_error,
                        "served_fingerprint": row.served_fingerprint,
                    }),
                );
                seen.retain(|(id, _)| *id != row.target_id);
                seen.push(now);
            }
        }
        if let Some(row) = rows.iter().find(|row| row.state == MappingState::Failed) {
            return Err(not_installed(row));
        }
        let Some(open) = rows.iter().find(|row| !is_done(row.state)) else { return Ok(()) };
        patience.pause(&format!("target {} is {}", open.target.name, open.state)).await?;
    }
}

fn is_done(state: MappingState) -> bool {
    match state {
        MappingState::Verified | MappingState::NotVerified | MappingState::Orphaned => true,
        MappingState::Waiting | MappingState::Pending | MappingState::Deploying | MappingState::Failed => false,
    }
}

fn place(row: &Deployment) -> String {
    match &row.last_error {
        Some(error) if row.state == MappingState::Failed => format!("{}: {error}", row.state),
        Some(_) | None => row.state.to_string(),
    }
}

/// How a job stands, in words.
pub(crate) fn standing(job: &Job) -> String {
    let mut text = job.status.to_string();
    if let Some(phase) = &job.phase {
        text.push_str(&format!(" ({phase})"));
    }
    if let Some(error) = &job.last_error {
        text.push_str(&format!(", attempt {} of {}: {error}", job.attempts, job.max_attempts));
    }
    text
}

fn step(session: &mut Session<'_>, id: &str, text: &str, object: &serde_json::Value) {
    if session.console.tty.errors {
        session.say(&format!("{id}  {text}"));
    } else {
        session.say(&object.to_string());
    }
}

fn ended(job: &Job) -> Failure {
    let cause = job.last_error.clone().unwrap_or_else(|| "no reason was given".to_owned());
    let code = job.error_class.clone().unwrap_or_else(|| "job_ended".to_owned());
    let message = format!("job {} is {}: {cause}", job.id, job.status);
    Failure::new(Exit::Failure, &code, message).hint(format!("certctl cert why {}", job.certificate_id))
}

fn not_installed(row: &Deployment) -> Failure {
    let cause = row.last_error.clone().unwrap_or_else(|| "no reason was given".to_owned());
    let message = format!("target {} ({}): {cause}", row.target.name, row.target_id);
    Failure::new(Exit::Failure, "deployment_failed", message).hint(format!("certctl cert why {}", row.certificate_id))
}
