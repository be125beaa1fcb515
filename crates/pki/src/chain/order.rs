//! Chains as servers send them: leaf first, each next certificate the issuer of the one before.

use crate::cert::Certificate;
use crate::chain::{ChainError, describe};

/// Brings certificates of one path into the order leaf, issuer, issuer's issuer, … and drops repetitions.
///
/// Links are names and, where both sides have them, key identifiers; signatures are [`super::validate`]'s matter.
///
/// # Errors
/// There is no certificate, or one that does not belong to the path.
pub fn order(certificates: &[Certificate]) -> Result<Vec<Certificate>, ChainError> {
    let mut left: Vec<&Certificate> = Vec::with_capacity(certificates.len());
    for certificate in certificates {
        if !left.contains(&certificate) {
            left.push(certificate);
        }
    }
    let leaf = left
        .iter()
        .position(|candidate| !left.iter().any(|other| other != candidate && is_issuer(candidate, other)))
        .or(if left.is_empty() { None } else { Some(0) })
        .ok_or(ChainError::Empty)?;
    let mut ordered = vec![left.remove(leaf).clone()];
    while let Some(at) = left.iter().position(|ca| ordered.last().is_some_and(|below| is_issuer(ca, below))) {
        ordered.push(left.remove(at).clone());
    }
    match left.first() {
        None => Ok(ordered),
        Some(unrelated) => Err(ChainError::Unrelated { subject: describe(unrelated) }),
    }
}

/// Whether `ca` can be the issuer of `below`, by name and key identifier.
fn is_issuer(ca: &Certificate, below: &Certificate) -> bool {
    let identifiers = match (below.authority_key_id(), ca.subject_key_id()) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => true,
    };
    ca.subject_der() == below.issuer_der() && identifiers
}
