//! What must be true of a certificate before a CA signs it, checked on the encoded bytes.
//!
//! The builder aims at the same rules; the lint reads the result back, so that a mistake in one is caught by
//! the other. It runs on every issuance and costs a few microseconds. Rows are those of RFC 5280 and its
//! updates that apply to certificates without revocation pointers.

use crate::build::{IssuerRef, ToBeSigned};
use crate::cert::Contents;
use crate::time::Timestamp;

mod rules;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Allowed, but clients may stumble over it.
    Warning,
    /// The certificate must not be signed.
    Error,
}

/// One thing that is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the rule, such as `serial_length`.
    pub code: &'static str,
    /// What is wrong and where it is written that it is.
    pub message: String,
}

/// Judges what is about to be signed. `now` only matters for what has ended already.
///
/// An empty list means: sign it. Findings come in the order of the rules.
#[must_use]
pub fn check(tbs: &ToBeSigned, now: Timestamp) -> Vec<Finding> {
    contents(tbs.contents(), tbs.issuer(), now)
}

/// Judges the contents of a certificate by `issuer`, which is `None` for a self-signed one.
#[must_use]
pub fn contents(contents: &Contents, issuer: Option<&IssuerRef>, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let subject = rules::Subject {
        contents,
        issuer: issuer.map(IssuerRef::certificate),
        forbidden: issuer.and_then(|issuer| issuer.forbidden_name(contents)),
        now,
    };
    for rule in rules::ALL {
        rule(&subject, &mut findings);
    }
    findings
}

/// Whether any finding forbids signing.
#[must_use]
pub fn forbids(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

#[cfg(test)]
mod tests;
