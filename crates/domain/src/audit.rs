//! Audit events: what happened, who did it, and all that is needed to do it again. A typed event fixes its action, category
//! and resource; the store writes it in the business transaction (rulings §12).

use certctl_pki::Timestamp;

use crate::actor::Actor;
use crate::ids::EventId;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Issuing, deploying, renewing.
    CertLifecycle,
    /// Who may do what, and refusals.
    Auth,
    /// Settings.
    Config,
    /// Decisions of a second person.
    Approval,
    /// Sensitive reads.
    Access,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::CertLifecycle, Self::Auth, Self::Config, Self::Approval, Self::Access];

    /// The text of the database and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CertLifecycle => "cert_lifecycle",
            Self::Auth => "auth",
            Self::Config => "config",
            Self::Approval => "approval",
            Self::Access => "access",
        }
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == text)
    }
}

macro_rules! actions {
    ($($name:ident $text:literal $category:ident $resource:literal,)*) => {
        /// Everything that leaves a trace.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $(#[doc = concat!("`", $text, "`")] $name,)* }

        impl Action {
            /// The whole catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The text of the database and the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it is about.
            #[must_use]
            pub fn category(self) -> Category {
                match self { $(Self::$name => Category::$category,)* }
            }

            /// The sort of thing it happened to.
            #[must_use]
            pub fn resource_type(self) -> &'static str {
                match self { $(Self::$name => $resource,)* }
            }
        }
    };
}

actions! {
    CertificateCreated "certificate_created" CertLifecycle "certificate",
    CertificateUpdated "certificate_updated" CertLifecycle "certificate",
    CertificateArchived "certificate_archived" CertLifecycle "certificate",
    CertificateTargetsSet "certificate_targets_set" CertLifecycle "certificate",
    RenewalTriggered "renewal_triggered" CertLifecycle "certificate",
    RenewalPlanned "renewal_job_created" CertLifecycle "certificate",
    CertificateIssued "certificate_issued" CertLifecycle "certificate",
    RenewalFailed "renewal_job_failed" CertLifecycle "certificate",
    VersionVoided "certificate_version_voided" CertLifecycle "certificate_version",
    InternalIssued "internal_certificate_issued" CertLifecycle "certificate_version",
    CsrSubmitted "csr_submitted" CertLifecycle "job",
    CertificateRetrieved "certificate_retrieved" Access "certificate",
    DeploymentTriggered "deployment_triggered" CertLifecycle "certificate",
    DeploymentPlanned "deployment_job_created" CertLifecycle "certificate",
    DeploymentVerified "deployment_verified" CertLifecycle "job",
    DeploymentInstalled "deployment_installed" CertLifecycle "job",
    DeploymentFailed "deployment_failed" CertLifecycle "job",
    JobStatusReported "job_status_reported" CertLifecycle "job",
    JobCancelled "job_cancelled" CertLifecycle "job",
    JobExpired "job_timeout" CertLifecycle "job",
    ApprovalRequested "approval_requested" Approval "approval",
    ApprovalApproved "approval_approved" Approval "approval",
    ApprovalRejected "approval_rejected" Approval "approval",
    ApprovalExpired "approval_expired" Approval "approval",
    ProfileEditRequested "approval_profile_edit_requested" Approval "approval",
    ProfileEditApplied "profile.edit_applied" Config "profile",
    AgentCreated "agent_created" Config "agent",
    AgentRegistered "agent_registered" Auth "agent",
    AgentReenrolled "agent_reenrolled" Auth "agent",
    AgentIdentityRenewed "agent_identity_renewed" Auth "agent",
    AgentRetired "agent_retired" Config "agent",
    AgentIdentityMismatch "agent.identity_mismatch" Auth "agent",
    EnrollmentTokenCreated "agent.join_token_created" Auth "enrollment_token",
    EnrollmentTokenUsed "agent.join_token_used" Auth "enrollment_token",
    EnrollmentTokenRevoked "agent.join_token_revoked" Auth "enrollment_token",
    TeamCreated "create_team" Config "team",
    TeamUpdated "update_team" Config "team",
    TeamDeleted "delete_team" Config "team",
    OwnerCreated "create_owner" Config "owner",
    OwnerUpdated "update_owner" Config "owner",
    OwnerDeleted "delete_owner" Config "owner",
    ProfileCreated "create_profile" Config "profile",
    ProfileUpdated "update_profile" Config "profile",
    ProfileDeleted "delete_profile" Config "profile",
    PolicyCreated "create_renewal_policy" Config "renewal_policy",
    PolicyUpdated "update_renewal_policy" Config "renewal_policy",
    PolicyDeleted "delete_renewal_policy" Config "renewal_policy",
    IssuerCreated "create_issuer" Config "issuer",
    IssuerUpdated "update_issuer" Config "issuer",
    IssuerDeleted "delete_issuer" Config "issuer",
    IssuerTested "issuer_test_connection" Config "issuer",
    CaCreated "ca_created" Config "ca",
    TargetCreated "create_target" Config "target",
    TargetUpdated "update_target" Config "target",
    TargetDeleted "delete_target" Config "target",
    TargetTestRequested "target_test_requested" Config "target",
    TargetTested "target_test_connection" Config "target",
    KeyCreated "auth.key_created" Auth "api_key",
    KeyRotated "auth.key_rotated" Auth "api_key",
    KeyDeleted "auth.key_deleted" Auth "api_key",
    KeyFailed "auth.api_key_failed" Auth "api_key",
    PermissionDenied "auth.permission_denied" Auth "api",
    RoleGranted "actor_role.grant" Auth "actor_role",
    RoleRevoked "actor_role.revoke" Auth "actor_role",
    BootstrapConsumed "bootstrap.consume" Auth "api_key",
    BootstrapReopened "bootstrap.reopen" Auth "api_key",
    BootstrapFailed "bootstrap.consume_failed" Auth "api_key",
    AuditExported "audit.export" Access "audit",
}

/// A fact in the details of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
    /// A JSON document, such as the canonical body of the request.
    Json(String),
    /// A secret was here.
    Secret,
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Detail {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Detail {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Vec<String>> for Detail {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The credential used: id of the key, or fingerprint of the certificate.
    pub credential_id: Option<String>,
    /// Our id of the request.
    pub request_id: Option<String>,
    /// Address of the client, as the one client-address function sees it.
    pub source_ip: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub action: Action,
    /// To which thing.
    pub resource_id: String,
    /// All that is needed to do it again; sorted by name when written.
    pub details: Vec<(&'static str, Detail)>,
}

impl Event {
    /// An event without details.
    #[must_use]
    pub fn new(action: Action, resource_id: impl AsRef<str>) -> Self {
        Self { action, resource_id: resource_id.as_ref().to_owned(), details: Vec::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, detail: impl Into<Detail>) -> Self {
        self.details.push((name, detail.into()));
        self
    }

    /// Adds a detail if it is there.
    #[must_use]
    pub fn with_some(self, name: &'static str, detail: Option<impl Into<Detail>>) -> Self {
        match detail {
            Some(detail) => self.with(name, detail),
            None => self,
        }
    }
}

/// An event ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// Where the request came from.
    pub origin: Origin,
    /// What happened.
    pub event: Event,
}
