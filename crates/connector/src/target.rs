//! What a target is: a place where a certificate is installed, reloaded and proved.

use std::fmt;

use async_trait::async_trait;
use certctl_pki::Certificate;
use secrecy::SecretString;

use crate::{ConnectorError, Cx, ProbeReport};

/// A place that certificates are deployed to. Runs in the agent.
#[async_trait]
pub trait Target: Send + Sync {
    /// Looks, without changing anything, whether a deployment could succeed: paths, owners, commands, policy,
    /// and whether the endpoint, where one is known, completes a handshake now.
    ///
    /// # Errors
    /// [`crate::ErrorClass::Config`] naming field and remedy, or what the look itself ran into.
    async fn validate(&self, cx: &Cx) -> Result<ProbeReport, ConnectorError>;

    /// Installs `material` and proves it. Ends, whatever happens, with the old material working or the new; only
    /// [`crate::ErrorClass::RollbackFailed`] says otherwise. Repeating a deployment that succeeded changes nothing.
    ///
    /// Each step is told to `progress` as it ends, so that a failure's story is complete too.
    ///
    /// # Errors
    /// By class what failed, with whether the former state is back.
    async fn deploy(&self, cx: &Cx, material: &Material, progress: &dyn Progress) -> Result<Deployed, ConnectorError>;
}

/// What is deployed. `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct Material {
    /// The certificate itself.
    pub leaf: Certificate,
    /// Intermediates in order, the leaf's issuer first, root excluded.
    pub chain: Vec<Certificate>,
    /// The leaf's private key, PEM (PKCS#8).
    pub key_pem: SecretString,
}

/// What a successful deployment did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// Whether anything changed.
    pub change: Change,
    /// SHA-256 of the deployed leaf, lower-case hex.
    pub fingerprint: String,
    /// SHA-256 of the leaf that was in place before, if there was a readable one.
    pub previous_fingerprint: Option<String>,
    /// Whether a handshake proved it.
    pub verification: Verification,
}

/// Whether a deployment changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// New files are in place and the service was reloaded.
    Applied,
    /// The files were right already; the service was reloaded because it served something else or a reload was owed.
    Reloaded,
    /// Files and served certificate were right already.
    Unchanged,
}

/// Whether a handshake proved the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The endpoint serves the deployed leaf.
    Verified(Served),
    /// Nobody looked; the reason is for people.
    NotVerified {
        /// Why not.
        reason: String,
    },
}

/// What an endpoint was seen to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// `host:port` that was dialled.
    pub endpoint: String,
    /// Name sent in SNI.
    pub server_name: String,
    /// SHA-256 of the leaf, lower-case hex.
    pub fingerprint: String,
}

/// Is told each step of a deployment as it ends.
pub trait Progress: Send + Sync {
    /// One step ended.
    fn step(&self, record: StepRecord);
}

/// Tells nobody.
impl Progress for () {
    fn step(&self, _record: StepRecord) {}
}

/// One step of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// Stable snake_case name.
    pub step: &'static str,
    /// How it ended.
    pub outcome: StepOutcome,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// Done.
    Done,
    /// Not needed, and why.
    Skipped(String),
    /// Failed; the text is sanitised.
    Failed(String),
}

impl StepOutcome {
    /// The wire name: `done`, `skipped`, `failed`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
        }
    }

    /// Reason or cause, if any.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Skipped(text) | Self::Failed(text) => Some(text),
        }
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail() {
            Some(detail) => write!(f, "{}: {detail}", self.as_str()),
            None => f.write_str(self.as_str()),
        }
    }
}
