//! Certificates: the managed thing, its key holders, and each X.509 made for them.
//!
//! Status is computed, never stored ([`Certificate::status`]); the same order stands as SQL in `store`. The only stored
//! states are those of a version ([`VersionState`]).

use std::collections::BTreeMap;
use std::time::Duration;

use certctl_pki::key::KeyAlgorithm;
use certctl_pki::{San, Serial, Timestamp};

use crate::ids::{AgentId, CaId, CertificateId, IssuerId, JobId, OwnerId, PolicyId, ProfileId, TeamId, VersionId};

/// A managed certificate: names, who is called, who signs, under which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its id.
    pub id: CertificateId,
    /// Unique display name.
    pub name: String,
    /// Subject common name.
    pub common_name: String,
    /// Subject alternative names, sorted.
    pub sans: Vec<San>,
    /// Free text such as `production`.
    pub environment: String,
    /// Who is called.
    pub owner_id: OwnerId,
    /// Whose certificate it is.
    pub team_id: TeamId,
    /// Who signs.
    pub issuer_id: IssuerId,
    /// When it is renewed.
    pub renewal_policy_id: PolicyId,
    /// What may be issued.
    pub certificate_profile_id: Option<ProfileId>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// Which door it came through; empty for the REST API of people.
    pub source: String,
    /// Start of the identity that expires first.
    pub not_before: Option<Timestamp>,
    /// End of the identity that expires first; absent until something was issued.
    pub not_after: Option<Timestamp>,
    /// Last successful issuance.
    pub last_renewal_at: Option<Timestamp>,
    /// Last verified deployment.
    pub last_deployment_at: Option<Timestamp>,
    /// Renewals that ended for good without success, since the last success.
    pub renewal_failures: u32,
    /// Why the last one failed.
    pub last_renewal_error: Option<String>,
    /// The person who last edited it; such a person cannot approve its issuance.
    pub last_editor: String,
    /// Set when nobody manages it any more.
    pub archived_at: Option<Timestamp>,
    /// Set when it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// RFC 5280 reason.
    pub revocation_reason: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub revision: i64,
}

/// Who holds the private key of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    /// Somebody outside; requests arrive as CSRs.
    External,
    /// An agent that makes its own key.
    Agent(AgentId),
}

impl Holder {
    /// The database's text: `external` or the agent's id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::External => "external",
            Self::Agent(id) => id.as_str(),
        }
    }

    /// Reads the database's text.
    ///
    /// # Errors
    /// [`crate::ids::IdError`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, crate::ids::IdError> {
        if text == "external" { Ok(Self::External) } else { Ok(Self::Agent(AgentId::parse(text)?)) }
    }

    /// The agent, if an agent holds the key.
    #[must_use]
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::External => None,
            Self::Agent(id) => Some(id),
        }
    }
}

/// A certificate in the hands of one key holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Who holds the key.
    pub holder: Holder,
    /// What it uses now.
    pub current_version_id: Option<VersionId>,
    /// Start of the current version.
    pub not_before: Option<Timestamp>,
    /// End of the current version.
    pub not_after: Option<Timestamp>,
    /// When the planner renews it; absent when nothing renews it by itself.
    pub renew_at: Option<Timestamp>,
    /// Renewals that ended for good without success, since the last success.
    pub failures: u32,
}

/// What a version was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A managed certificate.
    Leaf,
    /// An issuing CA of ours.
    Ca,
    /// The server's own listener.
    Listener,
    /// An agent's identity.
    Agent,
    /// An OCSP responder.
    Ocsp,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Leaf, Self::Ca, Self::Listener, Self::Agent, Self::Ocsp];

    /// The database's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Ca => "ca",
            Self::Listener => "listener",
            Self::Agent => "agent",
            Self::Ocsp => "ocsp",
        }
    }

    /// Reads the database's text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// The states of a version. Reserved is the intent on record before a CA is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VersionState {
    /// The intent: serial taken (own CA) or order on its way.
    Reserved,
    /// Signed and on record.
    Issued,
    /// Never signed.
    Void,
}

impl VersionState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reserved, Self::Issued, Self::Void];

    /// The database's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Issued => "issued",
            Self::Void => "void",
        }
    }

    /// Reads the database's text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The transition table.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Reserved => matches!(next, Self::Issued | Self::Void),
            Self::Issued | Self::Void => false,
        }
    }
}

/// One X.509 certificate, or the intent to have it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// The managed certificate; absent for internal purposes.
    pub certificate_id: Option<CertificateId>,
    /// What it was made for.
    pub purpose: Purpose,
    /// Who holds the key: `external`, an agent id, or the server's own name for internal purposes.
    pub holder: String,
    /// The CA of ours that signs; absent for an external issuer.
    pub ca_id: Option<CaId>,
    /// The external issuer; absent when a CA of ours signs.
    pub issuer_id: Option<IssuerId>,
    /// The job that asked for it.
    pub job_id: Option<JobId>,
    /// The external issuer's name for the order.
    pub order_ref: Option<String>,
    /// When that issuer is to be asked again what became of the order.
    pub poll_at: Option<Timestamp>,
    /// Serial number; absent while an external issuer has not answered.
    pub serial: Option<Serial>,
    /// Reserved, issued or void.
    pub state: VersionState,
    /// Start of validity.
    pub not_before: Option<Timestamp>,
    /// End of validity.
    pub not_after: Option<Timestamp>,
    /// SHA-256 of the subject public key, lower-case hex.
    pub spki_sha256: String,
    /// SHA-256 of the certificate, lower-case hex.
    pub fingerprint_sha256: Option<String>,
    /// The certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// What follows the leaf when served, PEM.
    pub chain_pem: Option<String>,
    /// The request it answers, DER.
    pub csr: Option<Vec<u8>>,
    /// Algorithm of the key.
    pub key_algorithm: KeyAlgorithm,
    /// Size of the key in bits.
    pub key_size: u32,
    /// The profile it was issued under.
    pub profile_id: Option<ProfileId>,
    /// The revision of that profile.
    pub profile_revision: Option<i64>,
    /// Who asked.
    pub requested_by: String,
    /// Why nothing was signed for it, or why what was signed is not used.
    pub void_reason: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When the intent was recorded.
    pub created_at: Timestamp,
    /// When the signature was recorded.
    pub issued_at: Option<Timestamp>,
}

/// What a certificate is, seen from now. Computed; the first that holds, in this order, wins (rulings §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Nobody manages it any more.
    Archived,
    /// Revoked, and nothing valid took its place.
    Revoked,
    /// Its dates are over.
    Expired,
    /// Valid, and a job makes its successor.
    RenewalInProgress,
    /// Never issued, and the last attempt ended for good.
    Failed,
    /// Never issued.
    Pending,
    /// Valid, and near its end.
    Expiring,
    /// Valid.
    Active,
}

impl Status {
    /// All of them, in the order in which they are decided and sorted.
    pub const ALL: [Self; 8] = [
        Self::Archived,
        Self::Revoked,
        Self::Expired,
        Self::RenewalInProgress,
        Self::Failed,
        Self::Pending,
        Self::Expiring,
        Self::Active,
    ];

    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archived => "Archived",
            Self::Revoked => "Revoked",
            Self::Expired => "Expired",
            Self::RenewalInProgress => "RenewalInProgress",
            Self::Failed => "Failed",
            Self::Pending => "Pending",
            Self::Expiring => "Expiring",
            Self::Active => "Active",
        }
    }

    /// Reads the wire spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// How the next issuance of a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RenewalState {
    /// Nothing is under way.
    Idle,
    /// A job is under way.
    InProgress,
    /// A job waits for a second person.
    AwaitingApproval,
    /// The last job ended for good; it is tried again slowly.
    Failing,
    /// A job waits for something only a person can give, such as a CSR.
    Blocked,
}

impl RenewalState {
    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InProgress => "in_progress",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Failing => "failing",
            Self::Blocked => "blocked",
        }
    }
}

/// What the work queue says of a certificate: its open issuance or renewal job, and how the last one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenWork {
    /// An issuance or renewal job is open.
    pub open: bool,
    /// It waits for approval.
    pub awaiting_approval: bool,
    /// It waits for a CSR that only a person can send.
    pub awaiting_external_csr: bool,
    /// The last closed one ended for good without success.
    pub last_failed: bool,
}

/// Longest time before expiry in which a certificate counts as expiring.
pub const EXPIRING_MAX: Duration = Duration::from_secs(30 * 86_400);

impl Certificate {
    /// What the certificate is at `now` (rulings §4). `all_revoked`: no unrevoked, unexpired version is left.
    #[must_use]
    pub fn status(&self, now: Timestamp, all_revoked: bool, work: OpenWork) -> Status {
        if self.archived_at.is_some() {
            return Status::Archived;
        }
        if self.revoked_at.is_some() && all_revoked {
            return Status::Revoked;
        }
        let Some(not_after) = self.not_after else {
            return if !work.open && work.last_failed { Status::Failed } else { Status::Pending };
        };
        if not_after <= now {
            return Status::Expired;
        }
        if work.open {
            return Status::RenewalInProgress;
        }
        let lifetime = not_after.duration_since(self.not_before.unwrap_or(self.created_at));
        if not_after.duration_since(now) < EXPIRING_MAX.min(lifetime / 3) { Status::Expiring } else { Status::Active }
    }

    /// How the next issuance stands.
    #[must_use]
    pub fn renewal_state(&self, work: OpenWork) -> RenewalState {
        if work.awaiting_approval {
            RenewalState::AwaitingApproval
        } else if work.awaiting_external_csr {
            RenewalState::Blocked
        } else if work.open {
            RenewalState::InProgress
        } else if self.renewal_failures > 0 {
            RenewalState::Failing
        } else {
            RenewalState::Idle
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
