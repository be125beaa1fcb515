//! The rules, one function per matter.

use x509_cert::certificate::Version;
use x509_cert::time::Time;

use crate::cert::{Certificate, Contents, ExtendedKeyUsage};
use crate::key::KeyAlgorithm;
use crate::lint::{Finding, Severity};
use crate::oid;
use crate::time::Timestamp;

/// What a rule looks at.
pub(super) struct Subject<'a> {
    pub(super) contents: &'a Contents,
    pub(super) issuer: Option<&'a Certificate>,
    /// A name that the path's constraints forbid.
    pub(super) forbidden: Option<String>,
    pub(super) now: Timestamp,
}

type Rule = fn(&Subject<'_>, &mut Vec<Finding>);

pub(super) const ALL: [Rule; 12] = [
    version_and_serial,
    signature,
    validity,
    names,
    subject_alternative_names,
    constraints,
    key,
    key_identifiers,
    basic_constraints,
    key_usage,
    extended_key_usage,
    other_extensions,
];

/// Dates above this are GeneralizedTime (RFC 5280 §4.1.2.5).
const LAST_UTC_TIME: Timestamp = Timestamp::from_unix_secs(2_524_607_999);

fn error(findings: &mut Vec<Finding>, code: &'static str, message: impl Into<String>) {
    findings.push(Finding { severity: Severity::Error, code, message: message.into() });
}

fn warning(findings: &mut Vec<Finding>, code: &'static str, message: impl Into<String>) {
    findings.push(Finding { severity: Severity::Warning, code, message: message.into() });
}

fn version_and_serial(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let serial = subject.contents.serial().as_bytes();
    if subject.contents.version != Version::V3 {
        error(findings, "version", "version is not 3 although there are extensions (RFC 5280 §4.1.2.1)");
    }
    if serial.len() < 8 {
        error(findings, "serial_length", "serial number is below 64 bits, so it can be guessed (CABF BR 7.1)");
    }
    if subject.contents.has_unique_ids {
        error(findings, "unique_ids", "unique identifiers must not be used (RFC 5280 §4.1.2.8)");
    }
}

fn signature(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let signer = subject.issuer.map_or(subject.contents.public_key(), |issuer| issuer.public_key());
    match subject.contents.signature_algorithm() {
        None => error(findings, "signature_algorithm", "signature algorithm is not one that certctl makes"),
        Some(algorithm) if Some(algorithm.key_algorithm()) != signer.algorithm() => {
            error(findings, "signature_algorithm", format!("{algorithm} does not fit the signing key ({signer})"));
        }
        Some(_) => {}
    }
}

fn validity(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    let (from, to) = (contents.not_before(), contents.not_after());
    if to < from {
        error(findings, "validity_order", format!("not_after {to} lies before not_before {from}"));
    }
    if to < subject.now {
        error(findings, "validity_over", format!("not_after {to} is already past"));
    }
    for time in &contents.times {
        let at = Timestamp::from_unix_secs(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX));
        if matches!(time, Time::UtcTime(_)) != (at <= LAST_UTC_TIME) {
            error(
                findings,
                "validity_encoding",
                format!("{at}: UTCTime until 2049, then GeneralizedTime (RFC 5280 §4.1.2.5)"),
            );
        }
    }
    if let Some(issuer) = subject.issuer {
        if to > issuer.not_after() {
            error(
                findings,
                "outlives_issuer",
                format!("not_after {to} lies after the issuer's {}", issuer.not_after()),
            );
        }
        if from < issuer.not_before() {
            error(
                findings,
                "precedes_issuer",
                format!("not_before {from} lies before the issuer's {}", issuer.not_before()),
            );
        }
    }
}

fn names(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    let issuer_name = subject.issuer.map_or(contents.subject_der(), |issuer| issuer.subject_der());
    if contents.issuer_der() != issuer_name {
        error(findings, "issuer_name", "issuer is not the signing CA's subject, byte for byte (RFC 5280 §4.1.2.4)");
    }
    if is_empty_name(contents.issuer_der()) {
        error(findings, "issuer_empty", "issuer is empty (RFC 5280 §4.1.2.4)");
    }
    if is_empty_name(contents.subject_der()) && contents.is_ca() {
        error(findings, "subject_empty", "a CA has a subject (RFC 5280 §4.1.2.6)");
    }
}

fn subject_alternative_names(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    let empty_subject = is_empty_name(contents.subject_der());
    let Some(extension) = contents.extensions.get(oid::SUBJECT_ALT_NAME) else {
        if empty_subject {
            error(findings, "nameless", "neither subject nor alternative name (RFC 5280 §4.1.2.6)");
        }
        return;
    };
    if extension.critical != empty_subject {
        error(
            findings,
            "san_critical",
            "alternative names are critical exactly when the subject is empty (RFC 5280 §4.2.1.6)",
        );
    }
    if contents.sans().is_empty() {
        error(findings, "san_empty", "the list of alternative names is empty (RFC 5280 §4.2.1.6)");
    }
    if contents.other_names() > 0 {
        error(findings, "san_kind", "an alternative name is of a kind that certctl does not issue");
    }
    for name in contents.sans() {
        if !name.is_canonical() {
            error(findings, "san_form", format!("{} name {name:?} is not in its canonical form", name.kind()));
        }
    }
    if !contents.sans().is_sorted_by(|one, next| one < next) {
        error(findings, "san_order", "alternative names are not sorted and distinct");
    }
}

fn constraints(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    if let Some(name) = &subject.forbidden {
        error(
            findings,
            "name_forbidden",
            format!("{name} lies outside the name constraints of the CAs above (RFC 5280 §4.2.1.10)"),
        );
    }
}

fn key(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let key = subject.contents.public_key();
    if key.kind().is_none() {
        error(findings, "key_kind", format!("{key} is not a kind of key that certctl certifies"));
    }
    if subject.issuer.is_some_and(|issuer| issuer.public_key() == key) {
        error(findings, "key_of_issuer", "the certified key is the issuer's own");
    }
}

fn key_identifiers(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    if contents.subject_key_id() != Some(&contents.public_key().key_identifier()[..]) {
        error(findings, "subject_key_id", "subject key identifier is missing or not of RFC 7093 §2 method 1");
    }
    let expected = match subject.issuer {
        Some(issuer) => issuer.subject_key_id(),
        None => contents.subject_key_id(),
    };
    let missing_is_fine = subject.issuer.is_none() && contents.authority_key_id().is_none();
    if contents.authority_key_id() != expected && !missing_is_fine {
        error(
            findings,
            "authority_key_id",
            "authority key identifier is not the issuer's subject key identifier (RFC 5280 §4.2.1.1)",
        );
    }
    for id in [oid::SUBJECT_KEY_ID, oid::AUTHORITY_KEY_ID] {
        if contents.extensions.get(id).is_some_and(|extension| extension.critical) {
            error(findings, "key_id_critical", "key identifiers are not critical (RFC 5280 §4.2.1.1, §4.2.1.2)");
        }
    }
}

fn basic_constraints(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    let extension = contents.extensions.get(oid::BASIC_CONSTRAINTS);
    if !contents.is_ca() {
        if contents.path_len().is_some() {
            error(findings, "path_len", "a path length without a CA (RFC 5280 §4.2.1.9)");
        }
        return;
    }
    if !extension.is_some_and(|extension| extension.critical) {
        error(findings, "basic_constraints_critical", "basic constraints of a CA are critical (RFC 5280 §4.2.1.9)");
    }
    let Some(room) = subject.issuer.and_then(|issuer| issuer.path_len()) else { return };
    match contents.path_len() {
        _ if room == 0 => error(findings, "path_len", "the issuer's path length is 0: it may not certify CAs"),
        Some(own) if own < room => {}
        _ => error(findings, "path_len", format!("path length must be below the issuer's {room}")),
    }
}

fn key_usage(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    let Some(usage) = contents.key_usage() else {
        return error(findings, "key_usage", "key usage is missing");
    };
    if !contents.extensions.get(oid::KEY_USAGE).is_some_and(|extension| extension.critical) {
        error(findings, "key_usage_critical", "key usage is critical (RFC 5280 §4.2.1.3)");
    }
    let enciphers = usage.key_encipherment || usage.data_encipherment;
    if enciphers && contents.public_key().algorithm() != Some(KeyAlgorithm::Rsa) {
        error(findings, "key_usage_key", "only RSA keys encipher (RFC 5480 §3, RFC 8813, RFC 8410 §5)");
    }
    if contents.is_ca() {
        if !usage.key_cert_sign || !usage.crl_sign {
            error(findings, "key_usage_ca", "a CA has keyCertSign and cRLSign (RFC 5280 §4.2.1.3)");
        }
    } else {
        if usage.key_cert_sign || usage.crl_sign {
            error(findings, "key_usage_leaf", "keyCertSign and cRLSign belong to CAs (RFC 5280 §4.2.1.3)");
        }
        if !usage.digital_signature {
            error(findings, "key_usage_leaf", "a leaf of certctl signs: digitalSignature is missing");
        }
    }
    if !contents.is_ca() && subject.issuer.is_some_and(|issuer| !issuer.is_ca()) {
        error(findings, "issuer_ca", "the issuer is not a CA");
    }
}

fn extended_key_usage(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    let usages = contents.extended_key_usages();
    let extension = contents.extensions.get(oid::EXTENDED_KEY_USAGE);
    if extension.is_none() && !contents.is_ca() {
        return error(findings, "purposes_missing", "a leaf names its purposes");
    }
    if contents.extensions.other_usages > 0 {
        error(findings, "purposes_unknown", "extended key usage has a purpose that certctl does not issue");
    }
    let stamps = usages.contains(&ExtendedKeyUsage::TimeStamping);
    if stamps && usages.len() + contents.extensions.other_usages > 1 {
        error(findings, "time_stamping_alone", "timeStamping stands alone (RFC 3161 §2.3)");
    }
    if extension.is_some_and(|extension| extension.critical != stamps) {
        error(findings, "purposes_critical", "extended key usage is critical exactly for timeStamping (RFC 3161 §2.3)");
    }
    if usages.contains(&ExtendedKeyUsage::ServerAuth) && contents.sans().is_empty() && !contents.is_ca() {
        warning(
            findings,
            "server_without_name",
            "TLS clients ignore the subject; a server needs an alternative name (RFC 9525)",
        );
    }
}

fn other_extensions(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let contents = subject.contents;
    let known = [
        oid::SUBJECT_KEY_ID,
        oid::KEY_USAGE,
        oid::SUBJECT_ALT_NAME,
        oid::BASIC_CONSTRAINTS,
        oid::AUTHORITY_KEY_ID,
        oid::EXTENDED_KEY_USAGE,
        oid::TLS_FEATURE,
        oid::NAME_CONSTRAINTS,
        oid::NO_REV_AVAIL,
        oid::CRL_DISTRIBUTION_POINTS,
        oid::FRESHEST_CRL,
        oid::AUTHORITY_INFO_ACCESS,
    ];
    for extension in contents.extensions() {
        if !known.contains(&extension.id) {
            error(findings, "extension_unknown", format!("extension {} is not one that certctl writes", extension.id));
        }
    }
    let constraints = contents.extensions.get(oid::NAME_CONSTRAINTS);
    if constraints.is_some_and(|constraints| !contents.is_ca() || !constraints.critical) {
        error(findings, "name_constraints", "name constraints are critical and in CAs only (RFC 5280 §4.2.1.10)");
    }
    if contents.extensions.get(oid::NO_REV_AVAIL).is_some() {
        let points = [oid::CRL_DISTRIBUTION_POINTS, oid::FRESHEST_CRL, oid::AUTHORITY_INFO_ACCESS];
        if contents.is_ca() || points.iter().any(|id| contents.extensions.get(*id).is_some()) {
            error(findings, "no_rev_avail", "noRevAvail is for leaves without revocation pointers (RFC 9608 §2)");
        }
    }
    let feature = contents.extensions.get(oid::TLS_FEATURE);
    if feature.is_some_and(|feature| feature.critical || *feature.value != [0x30, 0x03, 0x02, 0x01, 0x05]) {
        error(findings, "tls_feature", "TLS feature is not critical and holds status_request alone (RFC 7633)");
    }
}

fn is_empty_name(der: &[u8]) -> bool {
    der == [0x30, 0x00]
}
