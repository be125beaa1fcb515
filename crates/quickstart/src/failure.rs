//! Why a step did not succeed: a code for programs, a sentence for people, and what to do about it.

use std::fmt;

/// A step that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(step: &'static str, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { step, code: code.into(), message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}
