//! The kinds of work and how their states are shown. The queue engine itself knows no job by name.

/// A kind of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// The first version for a key holder.
    Issuance,
    /// A further version for a key holder.
    Renewal,
    /// A version to a target.
    Deployment,
    /// A look at a target that changes nothing.
    TestTarget,
}

impl JobKind {
    /// All that the API shows.
    pub const ALL: [Self; 4] = [Self::Issuance, Self::Renewal, Self::Deployment, Self::TestTarget];

    /// The text of the database and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuance => "Issuance",
            Self::Renewal => "Renewal",
            Self::Deployment => "Deployment",
            Self::TestTarget => "TestTarget",
        }
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The wire's words for the state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Waits for a worker or for its time.
    Pending,
    /// Waits for a CSR.
    AwaitingCsr,
    /// Waits for a second person.
    AwaitingApproval,
    /// Somebody works on it.
    Running,
    /// Done.
    Completed,
    /// Ended for good without success.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl JobStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::AwaitingCsr,
        Self::AwaitingApproval,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::AwaitingCsr => "AwaitingCSR",
            Self::AwaitingApproval => "AwaitingApproval",
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Reads the wire spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Classes of failure of a job, shared by server and agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The request is wrong.
    Validation,
    /// A profile or policy forbids it.
    PolicyDenied,
    /// The issuer refused it, or a person rejected it.
    Rejected,
    /// Nobody acted in time.
    Expired,
    /// A setting is wrong.
    Config,
    /// A credential is refused.
    Auth,
    /// Try later.
    Transient,
    /// A target refused the new files; the old ones are in place.
    Target,
    /// A target could not be put back; a person must look.
    RollbackFailed,
    /// The agent that should act is retired.
    AgentRetired,
    /// A bug.
    Internal,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Validation,
        Self::PolicyDenied,
        Self::Rejected,
        Self::Expired,
        Self::Config,
        Self::Auth,
        Self::Transient,
        Self::Target,
        Self::RollbackFailed,
        Self::AgentRetired,
        Self::Internal,
    ];

    /// The text of the database and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::PolicyDenied => "policy_denied",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Config => "config",
            Self::Auth => "auth",
            Self::Transient => "transient",
            Self::Target => "target",
            Self::RollbackFailed => "rollback_failed",
            Self::AgentRetired => "agent_retired",
            Self::Internal => "internal",
        }
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// Whether another attempt may succeed without anybody changing anything.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Transient | Self::Target | Self::Internal => true,
            Self::Validation
            | Self::PolicyDenied
            | Self::Rejected
            | Self::Expired
            | Self::Config
            | Self::Auth
            | Self::RollbackFailed
            | Self::AgentRetired => false,
        }
    }
}
