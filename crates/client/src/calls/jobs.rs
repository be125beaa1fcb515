//! Jobs.

use certctl_wire::{Job, JobReject, Page, Verification};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of jobs, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_list(&self, query: Query) -> Result<Page<Job>, Error> {
        self.read(Call::get(api(["jobs"])).query(query)).await
    }

    /// One job.
    ///
    /// # Errors
    /// As every call.
    pub async fn job(&self, id: &str) -> Result<Job, Error> {
        self.read(Call::get(api(["jobs", id]))).await
    }

    /// Ends a job that has not ended.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_cancel(&self, id: &str) -> Result<String, Error> {
        self.word(Call::post(api(["jobs", id, "cancel"]))).await
    }

    /// Approves what a job waits for.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_approve(&self, id: &str) -> Result<String, Error> {
        self.word(Call::post(api(["jobs", id, "approve"]))).await
    }

    /// Rejects what a job waits for.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_reject(&self, id: &str, why: &JobReject) -> Result<String, Error> {
        self.word(Call::post(api(["jobs", id, "reject"])).body(why)?).await
    }

    /// What the handshake after a deployment returned.
    ///
    /// # Errors
    /// As every call.
    pub async fn job_verification(&self, id: &str) -> Result<Verification, Error> {
        self.read(Call::get(api(["jobs", id, "verification"]))).await
    }
}
