//! Why an input is not accepted: all reasons at once, each naming its field and the remedy.

/// Whether an input cannot be read or may not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Malformed, or names something that does not exist (400).
    Invalid,
    /// Understood, but refused by profile, policy or state (422).
    Denied,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field as the wire spells it, such as `sans[1]`.
    pub field: String,
    /// What is wrong and what to do about it.
    pub message: String,
    /// Malformed or forbidden.
    pub kind: RefusalKind,
}

impl Refusal {
    /// A malformed field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), kind: RefusalKind::Invalid }
    }

    /// A field whose value is understood and not allowed.
    #[must_use]
    pub fn denied(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), kind: RefusalKind::Denied }
    }
}

/// Every reason found; empty means accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals(pub Vec<Refusal>);

impl Refusals {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reason.
    pub fn push(&mut self, refusal: Refusal) {
        self.0.push(refusal);
    }

    /// `Ok` when nothing was refused.
    ///
    /// # Errors
    /// All reasons.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Malformed if any reason is.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        if self.0.iter().any(|refusal| refusal.kind == RefusalKind::Invalid) {
            RefusalKind::Invalid
        } else {
            RefusalKind::Denied
        }
    }

    /// All reasons in one line: `field: message; field: message`.
    #[must_use]
    pub fn summary(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(|r| format!("{}: {}", r.field, r.message)).collect();
        lines.join("; ")
    }
}

impl From<Refusal> for Refusals {
    fn from(refusal: Refusal) -> Self {
        Self(vec![refusal])
    }
}
