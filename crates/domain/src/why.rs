//! The answers to "why": one code a fact, one text a code, the same in API, CLI, log and alert.

/// A fact about a certificate, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyCode {
    /// Created, and nobody asked for it.
    NotRequested,
    /// Issued and served everywhere.
    Served,
    /// Issued, and no target is mapped.
    IssuedNoTarget,
    /// A worker is about to act.
    Queued,
    /// Waits for a second person.
    AwaitingApproval,
    /// Waits for the agent's request.
    AwaitingAgentCsr,
    /// Waits for a request from whoever holds the key.
    AwaitingExternalCsr,
    /// The agent that should act is not heard of.
    AgentOffline,
    /// The issuer has not answered.
    AwaitingIssuer,
    /// An attempt failed; another follows.
    Retrying,
    /// All attempts failed; tried again slowly.
    Failing,
    /// Installed nowhere yet.
    DeploymentPending,
    /// An agent installs it.
    Deploying,
    /// A deployment failed.
    DeploymentFailed,
    /// A target was retired.
    TargetOrphaned,
    /// In place; verification is switched off.
    NotVerified,
    /// Its dates are over.
    Expired,
    /// Renewed by hand only.
    ManualRenewal,
    /// Renewed by itself at a known time.
    RenewalPlanned,
    /// Archived.
    Archived,
    /// Revoked.
    Revoked,
}

impl WhyCode {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::NotRequested,
        Self::Served,
        Self::IssuedNoTarget,
        Self::Queued,
        Self::AwaitingApproval,
        Self::AwaitingAgentCsr,
        Self::AwaitingExternalCsr,
        Self::AgentOffline,
        Self::AwaitingIssuer,
        Self::Retrying,
        Self::Failing,
        Self::DeploymentPending,
        Self::Deploying,
        Self::DeploymentFailed,
        Self::TargetOrphaned,
        Self::NotVerified,
        Self::Expired,
        Self::ManualRenewal,
        Self::RenewalPlanned,
        Self::Archived,
        Self::Revoked,
    ];

    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRequested => "not_requested",
            Self::Served => "served",
            Self::IssuedNoTarget => "issued_no_target",
            Self::Queued => "queued",
            Self::AwaitingApproval => "awaiting_approval",
            Self::AwaitingAgentCsr => "awaiting_agent_csr",
            Self::AwaitingExternalCsr => "awaiting_external_csr",
            Self::AgentOffline => "agent_offline",
            Self::AwaitingIssuer => "awaiting_issuer",
            Self::Retrying => "retrying",
            Self::Failing => "failing",
            Self::DeploymentPending => "deployment_pending",
            Self::Deploying => "deploying",
            Self::DeploymentFailed => "deployment_failed",
            Self::TargetOrphaned => "target_orphaned",
            Self::NotVerified => "not_verified",
            Self::Expired => "expired",
            Self::ManualRenewal => "manual_renewal",
            Self::RenewalPlanned => "renewal_planned",
            Self::Archived => "archived",
            Self::Revoked => "revoked",
        }
    }

    /// What a person reads. `about` names the thing the fact is about: an agent, a target, an error, a time.
    #[must_use]
    pub fn message(self, about: &str) -> String {
        match self {
            Self::NotRequested => "not requested yet".to_owned(),
            Self::Served => format!("a handshake returned the certificate at {about}"),
            Self::IssuedNoTarget => "issued; no target is mapped to it".to_owned(),
            Self::Queued => "a worker takes it next".to_owned(),
            Self::AwaitingApproval => format!("request {about} waits for a second person"),
            Self::AwaitingAgentCsr => format!("agent {about} has not sent its request yet"),
            Self::AwaitingExternalCsr => "the key is held outside, so a new request is needed".to_owned(),
            Self::AgentOffline => format!("agent {about} is not heard of"),
            Self::AwaitingIssuer => format!("issuer {about} has the order and has not answered"),
            Self::Retrying => format!("the last attempt failed: {about}"),
            Self::Failing => format!("all attempts failed: {about}"),
            Self::DeploymentPending => format!("not installed at {about} yet"),
            Self::Deploying => format!("being installed at {about}"),
            Self::DeploymentFailed => format!("installing failed at {about}"),
            Self::TargetOrphaned => format!("target {about} was retired with its agent"),
            Self::NotVerified => format!("in place at {about}; verification is switched off there"),
            Self::Expired => format!("expired at {about}"),
            Self::ManualRenewal => "its policy leaves renewal to a person".to_owned(),
            Self::RenewalPlanned => format!("renewed by itself at {about}"),
            Self::Archived => format!("archived at {about}"),
            Self::Revoked => format!("revoked at {about}"),
        }
    }

    /// What happens next, and who does it.
    #[must_use]
    pub fn next(self) -> (&'static str, &'static str) {
        match self {
            Self::NotRequested => ("request it: certctl cert renew ID", "a person"),
            Self::Served | Self::RenewalPlanned => ("renew before it ends", "certctl"),
            Self::IssuedNoTarget => ("map a target, or collect the certificate", "a person"),
            Self::Queued | Self::Retrying => ("run the job", "certctl"),
            Self::AwaitingApproval => ("approve or reject: certctl approval list", "a second person"),
            Self::AwaitingAgentCsr => ("make a key and send a request", "the agent"),
            Self::AwaitingExternalCsr => ("send one: certctl cert renew ID --csr FILE", "the key holder"),
            Self::AgentOffline => ("start the agent or look at its log", "a person"),
            Self::AwaitingIssuer => ("poll the order", "certctl"),
            Self::Failing => ("remove the cause; it is tried again by itself", "a person"),
            Self::DeploymentPending | Self::Deploying => ("install, reload and verify", "the agent"),
            Self::DeploymentFailed => ("remove the cause; it is tried again by itself", "a person"),
            Self::TargetOrphaned => ("map another target", "a person"),
            Self::NotVerified => ("switch verification on for the target", "a person"),
            Self::Expired => ("renew it: certctl cert renew ID", "certctl"),
            Self::ManualRenewal => ("renew it before it ends: certctl cert renew ID", "a person"),
            Self::Archived | Self::Revoked => ("nothing", "nobody"),
        }
    }
}
