//! The steps of an issuance at which a process may die; a test kills it at each.

/// A place between two lines of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Nothing is on record.
    Judged,
    /// The certificate is built and linted, unsigned.
    Built,
    /// The intent is on record.
    Reserved,
    /// The CA's key was used; nothing of it is on record.
    Signed,
    /// An external issuer has the order; its name is not on record.
    Ordered,
    /// The name of the order is on record.
    OrderRecorded,
    /// Everything is on record; nobody has been told.
    Committed,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Judged, Self::Built, Self::Reserved, Self::Signed, Self::Ordered, Self::OrderRecorded, Self::Committed];

    /// The name under which a fault is asked for.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Judged => "issue.judged",
            Self::Built => "issue.built",
            Self::Reserved => "issue.reserved",
            Self::Signed => "issue.signed",
            Self::Ordered => "issue.ordered",
            Self::OrderRecorded => "issue.order_recorded",
            Self::Committed => "issue.committed",
        }
    }

    /// Marks the place. With the feature `faults` the process may be killed here; otherwise this is nothing.
    pub(crate) fn reached(self) {
        certctl_connector::fault::point(self.as_str());
    }
}
