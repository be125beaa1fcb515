//! The steps of an issuance at which a process may die; a test kills it at each.

certctl_connector::instants! {
    /// A place between two lines of the pipeline.
    pub enum Step {
        /// Nothing is on record.
        Judged = "issue.judged",
        /// The certificate is built and linted, unsigned.
        Built = "issue.built",
        /// The intent is on record.
        Reserved = "issue.reserved",
        /// The CA's key was used; nothing of it is on record.
        Signed = "issue.signed",
        /// An external issuer has the order; its name is not on record.
        Ordered = "issue.ordered",
        /// The name of the order is on record.
        OrderRecorded = "issue.order_recorded",
        /// Everything is on record; nobody has been told.
        Committed = "issue.committed",
    }
}

impl Step {
    /// Marks the place. With the feature `faults` the process may be killed here; otherwise this is nothing.
    pub(crate) fn reached(self) {
        certctl_connector::fault::point(self.point());
    }
}
