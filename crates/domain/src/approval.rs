//! Approvals: two persons for what a profile gates. The gate fails closed; an approval is bound to a digest of what was
//! approved and can be used once.

use certctl_pki::Timestamp;

use crate::actor::{Actor, Person};
use crate::certificate::Certificate;
use crate::ids::{ApprovalId, CertificateId, JobId, ProfileId};
use crate::profile::Profile;

/// What is to be approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApprovalKind {
    /// One issuance.
    CertIssuance,
    /// An edit of a profile that gates issuance.
    ProfileEdit,
}

impl ApprovalKind {
    /// The text of the database and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CertIssuance => "cert_issuance",
            Self::ProfileEdit => "profile_edit",
        }
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::CertIssuance, Self::ProfileEdit].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApprovalState {
    /// Waits for a decision.
    Pending,
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl ApprovalState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Expired];

    /// The text of the database and the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Reads that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The transition table.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self == Self::Pending && next != Self::Pending
    }
}

/// A request for a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// What is to be approved.
    pub kind: ApprovalKind,
    /// The certificate, for an issuance.
    pub certificate_id: Option<CertificateId>,
    /// The job that waits, for an issuance.
    pub job_id: Option<JobId>,
    /// The gating profile.
    pub profile_id: ProfileId,
    /// The revision of the profile that was read.
    pub profile_revision: i64,
    /// Who asked.
    pub requested_by: String,
    /// The person who asked.
    pub requester_person: Person,
    /// Another person who cannot decide: the last editor of the certificate.
    pub excluded_person: Option<Person>,
    /// How it stands.
    pub state: ApprovalState,
    /// SHA-256 of what is approved, lower-case hex.
    pub digest: String,
    /// What a person sees, as pairs.
    pub metadata: Vec<(String, String)>,
    /// The proposed profile, JSON, for an edit.
    pub payload: Option<String>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// The person who decided.
    pub decider_person: Option<Person>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// What they noted.
    pub decision_note: Option<String>,
    /// When the approved issuance used it.
    pub consumed_at: Option<Timestamp>,
    /// When it expires undecided.
    pub expires_at: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why somebody cannot decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// It was decided before.
    #[error("the request is already {}", .0.as_str())]
    Decided(ApprovalState),
    /// The time to decide is over.
    #[error("the request expired at {at}; renew the certificate to ask again")]
    TooLate {
        /// When, RFC 3339.
        at: String,
    },
    /// Only persons decide.
    #[error("only a person may decide; this credential stands for none")]
    NotAPerson,
    /// The requester, or the last editor of the certificate.
    #[error("two persons are needed: whoever asked for it or last edited the certificate cannot decide")]
    SamePerson,
}

impl Approval {
    /// Whether this person may decide at `now`.
    ///
    /// # Errors
    /// The reason why not.
    pub fn may_decide(&self, person: &Person, now: Timestamp) -> Result<(), DecisionError> {
        if self.state != ApprovalState::Pending {
            return Err(DecisionError::Decided(self.state));
        }
        if now >= self.expires_at {
            return Err(DecisionError::TooLate { at: self.expires_at.to_rfc3339() });
        }
        if !person.is_human() {
            return Err(DecisionError::NotAPerson);
        }
        if self.requester_person == *person || self.excluded_person.as_ref() == Some(person) {
            return Err(DecisionError::SamePerson);
        }
        Ok(())
    }

    /// Whether it opens the gate for exactly this. That it was consumed does not close the gate to the job it is of: a
    /// job that waits on its issuer, or is tried again, passes the gate once an attempt.
    #[must_use]
    pub fn opens(&self, digest: &str) -> bool {
        self.state == ApprovalState::Approved && self.digest == digest
    }
}

/// Whether an issuance needs a second person. A profile that cannot be read needs one.
#[must_use]
pub fn required(profile: Option<&Profile>) -> bool {
    profile.is_none_or(|profile| profile.rules.requires_approval)
}

/// The text whose SHA-256 an approval is bound to: names, profile revision, issuer, key holder and, where it is already
/// known, the request. One line a fact, so that no two different facts read alike.
#[must_use]
pub fn subject(certificate: &Certificate, profile: &Profile, holder: &str, spki_sha256: Option<&str>) -> String {
    let mut text = format!(
        "certificate {}\ncommon_name {}\nissuer {}\nprofile {} {}\nholder {holder}\n",
        certificate.id, certificate.common_name, certificate.issuer_id, profile.id, profile.revision
    );
    for san in &certificate.sans {
        text.push_str(&format!("san {san}\n"));
    }
    if let Some(spki) = spki_sha256 {
        text.push_str(&format!("spki {spki}\n"));
    }
    text
}

/// Who is named as requester where a loop asks.
#[must_use]
pub fn scheduler() -> Actor {
    Actor::system("scheduler")
}
