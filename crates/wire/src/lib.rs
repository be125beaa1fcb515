//! JSON types of the wire, shared by both ends: one file per resource.
//!
//! Ids are plain strings (clients treat them as opaque) and times are RFC 3339 text, so that this room depends on no
//! other. Answers are read leniently: a field a newer server adds is passed over. Requests are read strictly by the door,
//! with the lists each [`Body`] declares.
//!
//! In a request a text that is absent reads as the empty string and an optional value as `None`; the use case decides what
//! must be there, and names all that is missing at once.

#[macro_use]
mod macros;

mod agent;
mod approval;
mod audit;
mod auth;
mod body;
mod certificate;
mod deployment;
mod enrollment;
mod issuer;
mod job;
mod key;
mod owner;
mod page;
mod policy;
mod problem;
mod profile;
mod quickstart;
mod report;
mod role;
pub mod settings;
mod status;
mod target;
mod team;
mod why;
mod work;

pub use agent::{
    Agent, AgentCreate, AgentCreated, AgentStatus, DependencyCounts, Heartbeat, IdentityAnswer, IdentityRequest,
    RegisterAnswer, RegisterRequest, RetireAnswer,
};
pub use approval::{Approval, ApprovalAction, ApprovalDecided, ApprovalDecision, ApprovalKind, ApprovalState};
pub use audit::{ActorType, AuditEvent};
pub use auth::{
    AuthCheck, AuthInfo, AuthMe, BootstrapAnswer, BootstrapRequest, BootstrapStatus, EffectivePermission,
    LoginProvider, Permission, Permissions,
};
pub use body::{Body, is_known};
pub use certificate::{
    Certificate, CertificateCreate, CertificateCreated, CertificateStatus, CertificateUpdate, CertificateVersion,
    Deploy, DeployAnswer, IssueAnswer, NEVER, Renew, RenewAnswer, RenewalState, TargetsSet,
};
pub use deployment::{Deployment, Deployments, MappingState, VerifyStatus};
pub use enrollment::{EnrollmentToken, EnrollmentTokenCreate, EnrollmentTokenCreated};
pub use issuer::{Issuer, IssuerCreate, IssuerUpdate, TestAnswer, TestStatus};
pub use job::{Job, JobReject, JobStatus, JobType};
pub use key::{ApiKey, ApiKeyCreate, ApiKeyCreated, ApiKeyRotate, ApiKeyRotated, ApiKeys, RoleGrant};
pub use owner::{Owner, OwnerCreate, OwnerUpdate};
pub use page::Page;
pub use policy::{RenewalPolicy, RenewalPolicyCreate, RenewalPolicyUpdate};
pub use problem::{FieldProblem, Problem};
pub use profile::{KeyRule, Profile, ProfileCreate, ProfileEditPending, ProfileUpdate};
pub use quickstart::{QuickstartError, QuickstartFailure, QuickstartMs, QuickstartServed, QuickstartSummary};
pub use report::{CsrSubmit, DeployResult, DeployStep, JobStatusReport, Verification, VerifyAnswer, VerifyReport};
pub use role::{Role, RoleDetail, RolePermission, Roles};
pub use status::{Health, Ready, StatusAnswer, Version};
pub use target::{Target, TargetCreate, TargetUpdate};
pub use team::{Team, TeamCreate, TeamUpdate};
pub use why::{Because, Next, Why};
pub use work::{AgentCertificate, KeySpec, Work, WorkItem};

#[cfg(test)]
mod tests;
