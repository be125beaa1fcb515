//! Deployment targets, and the mapping that says which version should be served there and which one is.

use certctl_pki::Timestamp;

use crate::ids::{AgentId, CertificateId, TargetId, VersionId};

/// A place where a certificate is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// Name, unique per agent.
    pub name: String,
    /// Its type, such as `File`.
    pub kind: String,
    /// The agent that installs there.
    pub agent_id: AgentId,
    /// The configuration without secrets, canonical JSON.
    pub config: String,
    /// The secret fields, sealed.
    pub sealed_config: Option<Vec<u8>>,
    /// A target that is switched off receives nothing.
    pub enabled: bool,
    /// `database` or `env`.
    pub source: String,
    /// `untested`, `success` or `failed`.
    pub test_status: String,
    /// When it was last tested.
    pub last_tested_at: Option<Timestamp>,
    /// Set when it was retired with its agent.
    pub retired_at: Option<Timestamp>,
    /// Why.
    pub retired_reason: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub revision: i64,
}

impl Target {
    /// Whether it receives deployments.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.enabled && self.retired_at.is_none()
    }
}

/// How a mapping stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MappingState {
    /// Nothing is desired yet.
    Waiting,
    /// Desired differs from deployed; a job is due or open.
    Pending,
    /// An agent works on it.
    Deploying,
    /// A handshake returned the desired certificate. Only this is "done".
    Verified,
    /// In place and reloaded, and verification is switched off.
    NotVerified,
    /// The last attempt failed.
    Failed,
    /// Its target was retired.
    Orphaned,
}

impl MappingState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Pending,
        Self::Deploying,
        Self::Verified,
        Self::NotVerified,
        Self::Failed,
        Self::Orphaned,
    ];

    /// The text of the database and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Deploying => "deploying",
            Self::Verified => "verified",
            Self::NotVerified => "not_verified",
            Self::Failed => "failed",
            Self::Orphaned => "orphaned",
        }
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The transition table. A new desired version sends any living mapping back to pending.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use MappingState::{Deploying, Failed, NotVerified, Orphaned, Pending, Verified, Waiting};
        match self {
            Orphaned => false,
            Waiting => matches!(next, Pending | Orphaned),
            Pending | Failed => matches!(next, Pending | Deploying | Failed | Orphaned),
            Deploying => matches!(next, Pending | Verified | NotVerified | Failed | Orphaned),
            Verified | NotVerified => matches!(next, Pending | Orphaned),
        }
    }
}

/// How the last handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifyStatus {
    /// None yet.
    Pending,
    /// It returned the desired certificate.
    Success,
    /// It did not.
    Failed,
    /// Switched off for this target.
    Skipped,
}

impl VerifyStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Success, Self::Failed, Self::Skipped];

    /// The text of the database and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Which version of a certificate should be served at a target, and which one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// The target.
    pub target_id: TargetId,
    /// What should be served: the current version of the identity of the target's agent.
    pub desired_version_id: Option<VersionId>,
    /// What was last put in place.
    pub deployed_version_id: Option<VersionId>,
    /// When.
    pub deployed_at: Option<Timestamp>,
    /// What the last handshake returned, SHA-256, lower-case hex.
    pub served_fingerprint: Option<String>,
    /// How it stands.
    pub state: MappingState,
    /// Why it failed.
    pub last_error: Option<String>,
    /// How the last handshake went.
    pub verify_status: VerifyStatus,
    /// When.
    pub verified_at: Option<Timestamp>,
    /// When the reconciler looks again.
    pub next_attempt_at: Option<Timestamp>,
    /// Deployments that ended for good without success, since the last success.
    pub failures: u32,
}

impl Mapping {
    /// A mapping that waits for its first version.
    #[must_use]
    pub fn new(certificate_id: CertificateId, target_id: TargetId) -> Self {
        Self {
            certificate_id,
            target_id,
            desired_version_id: None,
            deployed_version_id: None,
            deployed_at: None,
            served_fingerprint: None,
            state: MappingState::Waiting,
            last_error: None,
            verify_status: VerifyStatus::Pending,
            verified_at: None,
            next_attempt_at: None,
            failures: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orphan_never_moves_and_done_needs_a_deployment() {
        for next in MappingState::ALL {
            assert!(!MappingState::Orphaned.may_become(next));
        }
        for from in MappingState::ALL {
            let done = from.may_become(MappingState::Verified);
            assert_eq!(done, from == MappingState::Deploying, "{from:?}");
        }
    }
}
