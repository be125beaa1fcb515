//! What the queue keeps for a job of ours: JSON, versioned by its fields, written and read here only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certctl_domain::certificate::Holder;
use certctl_domain::ids::VersionId;
use certctl_domain::target::Target;
use certctl_jobs::Job;
use certctl_pki::Csr;
use serde::{Deserialize, Serialize};

use crate::agents::Step;
use crate::error::{Error, Result};

/// The payload of an issuance or a renewal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IssuePayload {
    /// Who holds the key: `external` or an agent id.
    pub(crate) holder: String,
    /// Who asked.
    pub(crate) requested_by: String,
    /// The version it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_version: Option<VersionId>,
    /// The request, DER in base64, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) csr: Option<String>,
    /// The reserved version, while an external issuer has the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<VersionId>,
}

impl IssuePayload {
    pub(crate) fn read(job: &Job) -> Result<Self> {
        serde_json::from_str(&job.payload)
            .map_err(|error| Error::bug(format!("reading the payload of job {}", job.id), error))
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings serialise")
    }

    pub(crate) fn holder(&self) -> Result<Holder> {
        Holder::parse(&self.holder).map_err(|error| Error::bug("reading the holder of a job", error))
    }

    pub(crate) fn with_csr(mut self, csr: &Csr) -> Self {
        self.csr = Some(STANDARD.encode(csr.der()));
        self
    }

    /// The request, parsed again with all its checks.
    pub(crate) fn csr(&self) -> Result<Option<Csr>> {
        let Some(text) = &self.csr else { return Ok(None) };
        let der = STANDARD.decode(text).map_err(|error| Error::bug("reading a stored request", error))?;
        Csr::parse_der(&der).map(Some).map_err(|error| Error::invalid("csr_pem", error.to_string()))
    }
}

/// The payload of a deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeployPayload {
    /// The version to install.
    pub(crate) version_id: VersionId,
}

impl DeployPayload {
    pub(crate) fn read(job: &Job) -> Result<Self> {
        serde_json::from_str(&job.payload)
            .map_err(|error| Error::bug(format!("reading the payload of job {}", job.id), error))
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings serialise")
    }
}

/// The payload of a test of a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TestPayload {
    /// The revision of the target that is tested.
    pub(crate) revision: i64,
    /// What the agent found, once it has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<TestFound>,
}

/// What an agent found when it looked at a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestFound {
    /// What it looked at.
    pub steps: Vec<Step>,
    /// What a handshake returned, SHA-256, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_fingerprint: Option<String>,
    /// How long it took, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
}

impl TestPayload {
    pub(crate) fn of(target: &Target) -> Self {
        Self { revision: target.revision, found: None }
    }

    pub(crate) fn read(job: &Job) -> Result<Self> {
        serde_json::from_str(&job.payload)
            .map_err(|error| Error::bug(format!("reading the payload of job {}", job.id), error))
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings serialise")
    }
}
