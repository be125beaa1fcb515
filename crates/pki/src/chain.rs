//! Paths from a leaf to a trusted certificate.
//!
//! Validation is rustls-webpki's, with aws-lc for the signatures: names chained byte for byte, signatures,
//! validity of leaf and intermediates, basic constraints and path lengths of intermediates, name constraints
//! (DNS and IP), extended key usage through the whole path, unknown critical extensions, bounded search.
//! Root P-384 over issuing P-256, RSA 2048 to 8192, P-521 and Ed25519 all verify.
//!
//! Of RFC 5280 §6 it leaves out: certificate policies, policy mappings and policy constraints (§6.1.2 b to f); key
//! usage; the trusted certificate's own validity, path length and key usage (§6.1.1 d makes them the relying
//! party's choice); key identifiers; comparison of names by RFC 4518; name constraints on e-mail, URI and
//! directory names other than to refuse them; revocation (§6.3), which certctl has its own records for.
//! This module adds the cheap ones: key usage of CAs and leaf, validity, path length and CA bit of the trusted
//! certificate, and key identifiers that contradict each other.

use std::time::Duration;

use const_oid::ObjectIdentifier;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, aws_lc_rs as by};

use crate::cert::{Certificate, ExtendedKeyUsage};
use crate::oid;
use crate::time::Timestamp;

mod issuer;
mod order;

pub use issuer::validate_ca;
pub use order::order;

/// Signatures that a path may hold.
static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 19] = [
    by::ECDSA_P256_SHA256,
    by::ECDSA_P256_SHA384,
    by::ECDSA_P256_SHA512,
    by::ECDSA_P384_SHA256,
    by::ECDSA_P384_SHA384,
    by::ECDSA_P384_SHA512,
    by::ECDSA_P521_SHA256,
    by::ECDSA_P521_SHA384,
    by::ECDSA_P521_SHA512,
    by::RSA_PKCS1_2048_8192_SHA256,
    by::RSA_PKCS1_2048_8192_SHA384,
    by::RSA_PKCS1_2048_8192_SHA512,
    by::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    by::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    by::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    by::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    by::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    by::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    by::ED25519,
];

/// Why a path is refused. Subjects are text for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No path leads to a trusted certificate.
    #[error("{subject:?} is not issued by a trusted CA; add the missing intermediate or trust its root")]
    UnknownIssuer {
        /// The leaf.
        subject: String,
    },
    /// A signature in the path does not verify: some certificate was altered.
    #[error("a signature between {subject:?} and its root does not verify; the certificate was altered")]
    BadSignature {
        /// The leaf.
        subject: String,
    },
    /// A certificate of the path has expired.
    #[error("{subject:?} expired at {not_after}")]
    Expired {
        /// The certificate, or the leaf when it is not known which.
        subject: String,
        /// Its last second.
        not_after: Timestamp,
    },
    /// A certificate of the path is not valid yet.
    #[error("{subject:?} is not valid before {not_before}")]
    NotYetValid {
        /// The certificate.
        subject: String,
        /// Its first second.
        not_before: Timestamp,
    },
    /// A certificate of the path is not for this purpose.
    #[error("{subject:?} or a CA above it is not for {usage}")]
    WrongUsage {
        /// The leaf.
        subject: String,
        /// The purpose asked for.
        usage: ExtendedKeyUsage,
    },
    /// Basic constraints, path length or key usage forbid the path.
    #[error("{subject:?} must not stand where it stands in the path: {reason}")]
    Constraint {
        /// The certificate.
        subject: String,
        /// What forbids it.
        reason: String,
    },
    /// Certificates that do not belong to one path.
    #[error("{subject:?} does not belong to the chain; remove it")]
    Unrelated {
        /// The certificate that is left over.
        subject: String,
    },
    /// No certificate at all.
    #[error("the chain is empty")]
    Empty,
    /// Something that the validating library cannot read.
    #[error("{subject:?} cannot be validated: {detail}")]
    Malformed {
        /// The leaf.
        subject: String,
        /// The library's reason.
        detail: String,
    },
}

/// Validates the path from `leaf` through some of `intermediates` to one of `anchors` at `now` for one purpose.
///
/// # Errors
/// No such path; the error tells an altered, an expired and a foreign leaf apart.
pub fn validate(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    now: Timestamp,
    usage: ExtendedKeyUsage,
) -> Result<(), ChainError> {
    let subject = || describe(leaf);
    let malformed = |error: webpki::Error| ChainError::Malformed { subject: subject(), detail: error.to_string() };
    let leaf_der = CertificateDer::from(leaf.der());
    let end_entity = EndEntityCert::try_from(&leaf_der).map_err(malformed)?;
    let anchor_ders: Vec<CertificateDer<'_>> =
        anchors.iter().map(|anchor| CertificateDer::from(anchor.der())).collect();
    let trusted: Result<Vec<TrustAnchor<'_>>, _> = anchor_ders.iter().map(webpki::anchor_from_trusted_cert).collect();
    let trusted = trusted.map_err(malformed)?;
    let between: Vec<CertificateDer<'_>> = intermediates.iter().map(|ca| CertificateDer::from(ca.der())).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.unix_secs()).unwrap_or(0)));
    let path = end_entity
        .verify_for_usage(&ALGORITHMS, &trusted, &between, time, purpose(usage), None, None)
        .map_err(|error| translate(error, leaf, intermediates, anchors, usage))?;
    let used: Vec<&Certificate> = path
        .intermediate_certificates()
        .filter_map(|link| intermediates.iter().find(|ca| ca.der() == link.der().as_ref()))
        .collect();
    let anchor = trusted.iter().position(|candidate| candidate == path.anchor()).map(|at| &anchors[at]);
    let anchor = anchor.ok_or_else(|| ChainError::UnknownIssuer { subject: subject() })?;
    check_leaf_usage(leaf)?;
    check_anchor(anchor, used.len(), now)?;
    check_links(leaf, &used, anchor)
}

/// Digital signatures are what every purpose certctl knows needs; RSA servers may also only decipher.
fn check_leaf_usage(leaf: &Certificate) -> Result<(), ChainError> {
    let fits = |usage: crate::cert::KeyUsage| usage.digital_signature || usage.key_encipherment || usage.key_agreement;
    if leaf.key_usage().is_none_or(fits) {
        Ok(())
    } else {
        Err(forbid(leaf, "its key usage allows neither signatures nor key exchange"))
    }
}

/// What webpki takes for granted about the trusted certificate.
fn check_anchor(anchor: &Certificate, intermediates: usize, now: Timestamp) -> Result<(), ChainError> {
    if now < anchor.not_before() {
        return Err(ChainError::NotYetValid { subject: describe(anchor), not_before: anchor.not_before() });
    }
    if !anchor.is_valid_at(now) {
        return Err(ChainError::Expired { subject: describe(anchor), not_after: anchor.not_after() });
    }
    if !anchor.is_ca() {
        return Err(forbid(anchor, "it is not a CA"));
    }
    if anchor.path_len().is_some_and(|room| usize::from(room) < intermediates) {
        return Err(forbid(anchor, "its path length allows fewer CAs below it"));
    }
    Ok(())
}

/// Key usage of each CA, and key identifiers that contradict the path.
fn check_links(leaf: &Certificate, used: &[&Certificate], anchor: &Certificate) -> Result<(), ChainError> {
    let mut below = leaf;
    for ca in used.iter().copied().chain([anchor]) {
        if ca.key_usage().is_some_and(|usage| !usage.key_cert_sign) {
            return Err(forbid(ca, "its key usage lacks keyCertSign"));
        }
        let contradicts = match (below.authority_key_id(), ca.subject_key_id()) {
            (Some(wanted), Some(found)) => wanted != found,
            _ => false,
        };
        if contradicts {
            return Err(forbid(below, "its authority key identifier is not that of its issuer"));
        }
        below = ca;
    }
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum is open; what is not told apart is malformed")]
fn translate(
    error: webpki::Error,
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    usage: ExtendedKeyUsage,
) -> ChainError {
    let subject = describe(leaf);
    let with_date = |wanted: u64, date: fn(&Certificate) -> Timestamp| {
        let wanted = Timestamp::from_unix_secs(i64::try_from(wanted).unwrap_or(i64::MAX));
        let certificates = std::iter::once(leaf).chain(intermediates);
        (certificates.into_iter().find(|one| date(one) == wanted).map_or(subject.clone(), describe), wanted)
    };
    match error {
        webpki::Error::CertExpired { not_after, .. } => {
            let (subject, not_after) = with_date(not_after.as_secs(), |one| one.not_after());
            ChainError::Expired { subject, not_after }
        }
        webpki::Error::CertNotValidYet { not_before, .. } => {
            let (subject, not_before) = with_date(not_before.as_secs(), |one| one.not_before());
            ChainError::NotYetValid { subject, not_before }
        }
        webpki::Error::InvalidSignatureForPublicKey if names_another_key(leaf, intermediates, anchors) => {
            ChainError::UnknownIssuer { subject }
        }
        webpki::Error::InvalidSignatureForPublicKey => ChainError::BadSignature { subject },
        webpki::Error::UnknownIssuer => ChainError::UnknownIssuer { subject },
        webpki::Error::RequiredEkuNotFoundContext(_) => ChainError::WrongUsage { subject, usage },
        webpki::Error::CaUsedAsEndEntity
        | webpki::Error::EndEntityUsedAsCa
        | webpki::Error::PathLenConstraintViolated
        | webpki::Error::NameConstraintViolation
        | webpki::Error::MaximumPathDepthExceeded => ChainError::Constraint { subject, reason: error.to_string() },
        other => ChainError::Malformed { subject, detail: other.to_string() },
    }
}

/// Whether the leaf says by key identifier that none of the CAs at hand issued it, though one has the right name.
fn names_another_key(leaf: &Certificate, intermediates: &[Certificate], anchors: &[Certificate]) -> bool {
    let Some(wanted) = leaf.authority_key_id() else { return false };
    let mut issuers = intermediates.iter().chain(anchors).filter(|ca| ca.subject_der() == leaf.issuer_der());
    issuers.all(|ca| ca.subject_key_id().is_some_and(|found| found != wanted))
}

fn purpose(usage: ExtendedKeyUsage) -> KeyUsage {
    static SERVER_AUTH: ObjectIdentifier = oid::SERVER_AUTH;
    static CLIENT_AUTH: ObjectIdentifier = oid::CLIENT_AUTH;
    static CODE_SIGNING: ObjectIdentifier = oid::CODE_SIGNING;
    static EMAIL_PROTECTION: ObjectIdentifier = oid::EMAIL_PROTECTION;
    static TIME_STAMPING: ObjectIdentifier = oid::TIME_STAMPING;
    static OCSP_SIGNING: ObjectIdentifier = oid::OCSP_SIGNING;
    KeyUsage::required_if_present(match usage {
        ExtendedKeyUsage::ServerAuth => SERVER_AUTH.as_bytes(),
        ExtendedKeyUsage::ClientAuth => CLIENT_AUTH.as_bytes(),
        ExtendedKeyUsage::CodeSigning => CODE_SIGNING.as_bytes(),
        ExtendedKeyUsage::EmailProtection => EMAIL_PROTECTION.as_bytes(),
        ExtendedKeyUsage::TimeStamping => TIME_STAMPING.as_bytes(),
        ExtendedKeyUsage::OcspSigning => OCSP_SIGNING.as_bytes(),
    })
}

fn forbid(certificate: &Certificate, reason: &str) -> ChainError {
    ChainError::Constraint { subject: describe(certificate), reason: reason.to_owned() }
}

/// The subject, or the first name of a certificate without one.
fn describe(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    if subject.is_empty() { certificate.sans().first().map(ToString::to_string).unwrap_or_default() } else { subject }
}

#[cfg(test)]
mod tests;
