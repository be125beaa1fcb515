//! The instants at which a crash test kills the agent, besides those of a deployment itself ([`certctl_targets::Step`]).

use certctl_connector::fault;

certctl_connector::instants! {
    /// One instant. Each is passed right after what it is named for.
    pub enum Step {
        /// The identity's key and request are on disk.
        EnrolmentRecorded = "agent.enrolment_recorded",
        /// The server admitted the agent; the answer is not on disk.
        EnrolmentAnswered = "agent.enrolment_answered",
        /// The identity is on disk.
        IdentityStored = "agent.identity_stored",
        /// A job is in the journal.
        JobReceived = "agent.job_received",
        /// A key is on disk.
        KeyStored = "agent.key_stored",
        /// The request for a job is on disk.
        RequestRecorded = "agent.request_recorded",
        /// The server has the request.
        RequestSent = "agent.request_sent",
        /// The certificate is here.
        CertificateFetched = "agent.certificate_fetched",
        /// The deployment is done.
        Deployed = "agent.deployed",
        /// The key became the current one.
        KeyPromoted = "agent.key_promoted",
        /// The result is in the journal.
        ResultRecorded = "agent.result_recorded",
        /// The server has the result; the journal does not know.
        ResultReported = "agent.result_reported",
    }
}

impl Step {
    /// Passes this instant.
    pub(crate) fn passed(self) {
        fault::point(self.point());
    }
}
