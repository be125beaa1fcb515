//! The instants at which a crash test kills the agent, besides those of a deployment itself ([`certctl_targets::Step`]).

use certctl_connector::fault;

/// One instant. Each is passed right after what it is named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The identity's key and request are on disk.
    EnrolmentRecorded,
    /// The server admitted the agent; the answer is not on disk.
    EnrolmentAnswered,
    /// The identity is on disk.
    IdentityStored,
    /// A job is in the journal.
    JobReceived,
    /// A key is on disk.
    KeyStored,
    /// The request for a job is on disk.
    RequestRecorded,
    /// The server has the request.
    RequestSent,
    /// The certificate is here.
    CertificateFetched,
    /// The deployment is done.
    Deployed,
    /// The key became the current one.
    KeyPromoted,
    /// The result is in the journal.
    ResultRecorded,
    /// The server has the result; the journal does not know.
    ResultReported,
}

impl Step {
    /// Every instant.
    pub const ALL: [Self; 12] = [
        Self::EnrolmentRecorded,
        Self::EnrolmentAnswered,
        Self::IdentityStored,
        Self::JobReceived,
        Self::KeyStored,
        Self::RequestRecorded,
        Self::RequestSent,
        Self::CertificateFetched,
        Self::Deployed,
        Self::KeyPromoted,
        Self::ResultRecorded,
        Self::ResultReported,
    ];

    /// Name of the failpoint ([`fault::point`]).
    pub fn point(self) -> &'static str {
        match self {
            Self::EnrolmentRecorded => "agent.enrolment_recorded",
            Self::EnrolmentAnswered => "agent.enrolment_answered",
            Self::IdentityStored => "agent.identity_stored",
            Self::JobReceived => "agent.job_received",
            Self::KeyStored => "agent.key_stored",
            Self::RequestRecorded => "agent.request_recorded",
            Self::RequestSent => "agent.request_sent",
            Self::CertificateFetched => "agent.certificate_fetched",
            Self::Deployed => "agent.deployed",
            Self::KeyPromoted => "agent.key_promoted",
            Self::ResultRecorded => "agent.result_recorded",
            Self::ResultReported => "agent.result_reported",
        }
    }

    /// Passes this instant.
    pub(crate) fn passed(self) {
        fault::point(self.point());
    }
}
