//! What one deployment did.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::{CertificateId, JobId, TargetId, VersionId};
use certctl_domain::target::VerifyStatus;
use certctl_pki::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::convert::{id, micros, micros_opt, time, time_opt, word};
use crate::entities::deployment_runs::{Column, Entity, Model};

const TABLE: &str = "deployment_runs";

/// The record of one deployment job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The job.
    pub job_id: JobId,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// The target.
    pub target_id: TargetId,
    /// The version to be installed.
    pub version_id: VersionId,
    /// Its fingerprint, SHA-256, lower-case hex.
    pub expected_fingerprint: String,
    /// The agent's word for how it ended.
    pub outcome: Option<String>,
    /// What a handshake returned at the end.
    pub served_fingerprint: Option<String>,
    /// What was in place before.
    pub previous_fingerprint: Option<String>,
    /// What is in place now.
    pub deployed_fingerprint: Option<String>,
    /// The steps, JSON.
    pub steps: String,
    /// How long it took, milliseconds.
    pub duration_ms: Option<i64>,
    /// Whether the former files were put back.
    pub rolled_back: Option<bool>,
    /// How the handshake went.
    pub verify_status: VerifyStatus,
    /// When.
    pub verified_at: Option<Timestamp>,
    /// Why it failed.
    pub verify_error: Option<String>,
    /// When the deployment was first handed out.
    pub created_at: Timestamp,
}

/// The record of a job.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, job: &JobId) -> Result<Option<Run>, DbError> {
    let row = Entity::find_by_id(job.as_str()).one(db.read()).await.map_err(DbError::from)?;
    row.map(TryInto::try_into).transpose()
}

/// The records of these jobs; a job that was never handed out has none.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn of_jobs(db: &Db, jobs: &[&str]) -> Result<Vec<Run>, DbError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Entity::find().filter(Column::JobId.is_in(jobs.iter().copied()));
    rows.all(db.read()).await.map_err(DbError::from)?.into_iter().map(TryInto::try_into).collect()
}

/// Adds the record when the job is first handed out.
pub fn insert(unit: &mut Unit, run: &Run) {
    unit.insert_or_ignore(&Model::from(run));
}

/// Writes what an agent reported.
pub fn report(unit: &mut Unit, run: &Run) {
    let row = Model::from(run);
    unit.change(
        Change::of::<Entity>("deployment run", &run.job_id)
            .key(Column::JobId, row.job_id)
            .set(Column::Outcome, row.outcome)
            .set(Column::ServedFingerprint, row.served_fingerprint)
            .set(Column::PreviousFingerprint, row.previous_fingerprint)
            .set(Column::DeployedFingerprint, row.deployed_fingerprint)
            .set(Column::Steps, row.steps)
            .set(Column::DurationMs, row.duration_ms)
            .set(Column::RolledBack, row.rolled_back)
            .set(Column::VerifyStatus, row.verify_status)
            .set(Column::VerifiedAt, row.verified_at)
            .set(Column::VerifyError, row.verify_error),
    );
}

impl From<&Run> for Model {
    fn from(run: &Run) -> Self {
        Self {
            job_id: run.job_id.to_string(),
            certificate_id: run.certificate_id.to_string(),
            target_id: run.target_id.to_string(),
            version_id: run.version_id.to_string(),
            expected_fingerprint: run.expected_fingerprint.clone(),
            outcome: run.outcome.clone(),
            served_fingerprint: run.served_fingerprint.clone(),
            previous_fingerprint: run.previous_fingerprint.clone(),
            deployed_fingerprint: run.deployed_fingerprint.clone(),
            steps: run.steps.clone(),
            duration_ms: run.duration_ms,
            rolled_back: run.rolled_back,
            verify_status: run.verify_status.as_str().to_owned(),
            verified_at: micros_opt(run.verified_at),
            verify_error: run.verify_error.clone(),
            created_at: micros(run.created_at),
        }
    }
}

impl TryFrom<Model> for Run {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        Ok(Self {
            job_id: id(TABLE, "job_id", &row.job_id, JobId::parse)?,
            certificate_id: id(TABLE, "certificate_id", &row.certificate_id, CertificateId::parse)?,
            target_id: id(TABLE, "target_id", &row.target_id, TargetId::parse)?,
            version_id: id(TABLE, "version_id", &row.version_id, VersionId::parse)?,
            expected_fingerprint: row.expected_fingerprint,
            outcome: row.outcome,
            served_fingerprint: row.served_fingerprint,
            previous_fingerprint: row.previous_fingerprint,
            deployed_fingerprint: row.deployed_fingerprint,
            steps: row.steps,
            duration_ms: row.duration_ms,
            rolled_back: row.rolled_back,
            verify_status: word(TABLE, "verify_status", &row.verify_status, VerifyStatus::parse)?,
            verified_at: time_opt(row.verified_at),
            verify_error: row.verify_error,
            created_at: time(row.created_at),
        })
    }
}
