//! What can go wrong with the queue.

use certctl_db::DbError;

/// A refused call on the queue.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// An open job with the same idempotency key exists.
    #[error("job {existing} already does this")]
    Duplicate {
        /// That job.
        existing: String,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sea_orm::DbErr> for JobError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Db(error.into())
    }
}
