//! Paths from a CA certificate to a trusted one, for CAs that certctl is given from outside.
//!
//! The validating library only takes leaves. A CA's path is short and needs no search for names, so it is walked
//! here: names, signatures, validity, basic constraints, path lengths, key usage, unknown critical extensions.

use crate::cert::Certificate;
use crate::chain::{ChainError, describe, forbid};
use crate::oid;
use crate::time::Timestamp;

/// No path of CAs is longer; a longer one is a loop or an attack.
const MAX_DEPTH: usize = 16;

/// Validates that `ca` may sign certificates at `now` and leads through some of `above` to one of `anchors`.
///
/// Gives the CAs above it that were used, nearest first, the trusted one last; empty when `ca` is trusted itself.
///
/// # Errors
/// No such path, or a certificate on it that may not stand there.
pub fn validate_ca(
    ca: &Certificate,
    above: &[Certificate],
    anchors: &[Certificate],
    now: Timestamp,
) -> Result<Vec<Certificate>, ChainError> {
    let mut path = Vec::new();
    let mut current = ca;
    let mut below = 0_usize;
    loop {
        check(current, below, now)?;
        if anchors.contains(current) {
            return Ok(path);
        }
        if path.len() >= MAX_DEPTH {
            return Err(forbid(ca, "its path is longer than 16 CAs"));
        }
        // A CA that renews itself under its own name does not count (RFC 5280 §4.2.1.9).
        below += usize::from(!current.is_self_issued());
        current = issuer_of(current, anchors.iter().chain(above))?;
        path.push(current.clone());
    }
}

/// The candidate that signed `certificate`; of several that could, the first.
fn issuer_of<'a>(
    certificate: &Certificate,
    candidates: impl Iterator<Item = &'a Certificate>,
) -> Result<&'a Certificate, ChainError> {
    let subject = describe(certificate);
    let mut error = ChainError::UnknownIssuer { subject: subject.clone() };
    for candidate in candidates {
        if candidate.subject_der() != certificate.issuer_der() || candidate == certificate {
            continue;
        }
        if certificate.verify_issued_by(candidate).is_ok() {
            return Ok(candidate);
        }
        if certificate.authority_key_id().is_none_or(|wanted| candidate.subject_key_id() == Some(wanted)) {
            error = ChainError::BadSignature { subject: subject.clone() };
        }
    }
    Err(error)
}

/// What makes a CA fit to have `below` CAs under it.
fn check(ca: &Certificate, below: usize, now: Timestamp) -> Result<(), ChainError> {
    if now < ca.not_before() {
        return Err(ChainError::NotYetValid { subject: describe(ca), not_before: ca.not_before() });
    }
    if !ca.is_valid_at(now) {
        return Err(ChainError::Expired { subject: describe(ca), not_after: ca.not_after() });
    }
    if !ca.is_ca() {
        return Err(forbid(ca, "it is not a CA"));
    }
    if ca.key_usage().is_some_and(|usage| !usage.key_cert_sign) {
        return Err(forbid(ca, "its key usage lacks keyCertSign"));
    }
    if ca.path_len().is_some_and(|room| usize::from(room) < below) {
        return Err(forbid(ca, "its path length allows fewer CAs below it"));
    }
    let understood =
        [oid::BASIC_CONSTRAINTS, oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE, oid::NAME_CONSTRAINTS, oid::SUBJECT_ALT_NAME];
    match ca.extensions().iter().find(|extension| extension.critical && !understood.contains(&extension.id)) {
        None => Ok(()),
        Some(unknown) => Err(forbid(ca, &format!("its critical extension {} is not understood", unknown.id))),
    }
}
