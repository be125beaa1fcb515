//! A template as DER (RFC 5280 §4.1.2, §4.2).

use std::net::IpAddr;

use der::asn1::{AnyRef, GeneralizedTime, Ia5String, IntRef, OctetString, OctetStringRef, UtcTime};
use der::flagset::FlagSet;
use der::{DateTime, Encode};
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage as ExtKeyUsage, KeyUsage, KeyUsages,
};
use x509_cert::time::{Time, Validity as X509Validity};

use crate::asn1::{ExtensionRef, TbsCertificateRef};
use crate::build::{Kind, Template};
use crate::cert::{Certificate, ExtendedKeyUsage, STATUS_REQUEST};
use crate::key::{KeyAlgorithm, SignatureAlgorithm};
use crate::oid;
use crate::san::San;
use crate::time::Timestamp;

/// An extension whose value is encoded.
type Encoded = (const_oid::ObjectIdentifier, bool, Vec<u8>);

/// The DER `TBSCertificate`; without an issuer the subject issues itself.
pub(super) fn tbs_certificate(
    template: &Template,
    issuer: Option<&Certificate>,
    algorithm: SignatureAlgorithm,
) -> der::Result<Vec<u8>> {
    let subject = template.subject.to_der()?;
    let issuer_name = issuer.map_or(subject.as_slice(), |issuer| issuer.subject_der());
    let serial = signed_integer(template.serial.as_bytes());
    let extensions = extensions(template, issuer)?;
    let extension_refs: der::Result<Vec<ExtensionRef<'_>>> = extensions
        .iter()
        .map(|(id, critical, value)| {
            Ok(ExtensionRef { extn_id: *id, critical: *critical, extn_value: OctetStringRef::new(value)? })
        })
        .collect();
    TbsCertificateRef {
        version: Version::V3,
        serial_number: IntRef::new(&serial)?,
        signature: algorithm.identifier(),
        issuer: AnyRef::try_from(issuer_name)?,
        validity: X509Validity {
            not_before: time(template.validity.not_before())?,
            not_after: time(template.validity.not_after())?,
        },
        subject: AnyRef::try_from(subject.as_slice())?,
        subject_public_key_info: AnyRef::try_from(template.public_key.spki_der())?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extension_refs?),
    }
    .to_der()
}

/// The DER `GeneralNames` of names in the given order.
pub(crate) fn general_names(names: &[San]) -> der::Result<Vec<u8>> {
    let names: der::Result<Vec<GeneralName>> = names.iter().map(general_name).collect();
    names?.to_der()
}

fn general_name(name: &San) -> der::Result<GeneralName> {
    Ok(match name {
        San::Dns(text) => GeneralName::DnsName(Ia5String::new(text)?),
        San::Email(text) => GeneralName::Rfc822Name(Ia5String::new(text)?),
        San::Uri(text) => GeneralName::UniformResourceIdentifier(Ia5String::new(text)?),
        San::Ip(IpAddr::V4(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
        San::Ip(IpAddr::V6(address)) => GeneralName::IpAddress(OctetString::new(address.octets())?),
    })
}

fn extensions(template: &Template, issuer: Option<&Certificate>) -> der::Result<Vec<Encoded>> {
    let key_id = template.public_key.key_identifier();
    let mut made: Vec<Encoded> = Vec::with_capacity(7);
    if let Kind::Ca { path_len } = template.kind {
        let constraints = BasicConstraints { ca: true, path_len_constraint: path_len };
        made.push((oid::BASIC_CONSTRAINTS, true, constraints.to_der()?));
    }
    made.push((oid::KEY_USAGE, true, KeyUsage(key_usages(template)).to_der()?));
    let usages = purposes(&template.extended_key_usages);
    if !usages.is_empty() {
        let critical = usages == [ExtendedKeyUsage::TimeStamping];
        let ids = usages.into_iter().map(ExtendedKeyUsage::oid).collect();
        made.push((oid::EXTENDED_KEY_USAGE, critical, ExtKeyUsage(ids).to_der()?));
    }
    made.push((oid::SUBJECT_KEY_ID, false, OctetStringRef::new(&key_id)?.to_der()?));
    let authority = issuer.and_then(|issuer| issuer.subject_key_id()).unwrap_or(&key_id);
    let authority = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(authority)?),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    made.push((oid::AUTHORITY_KEY_ID, false, authority.to_der()?));
    if !template.sans.is_empty() {
        let names = San::normalize(template.sans.clone());
        made.push((oid::SUBJECT_ALT_NAME, template.subject.is_empty(), general_names(&names)?));
    }
    if template.must_staple {
        made.push((oid::TLS_FEATURE, false, vec![STATUS_REQUEST].to_der()?));
    }
    Ok(made)
}

/// Key usage by purpose and by what the key can do: only RSA enciphers keys (RFC 5480 §3, RFC 8410 §5).
fn key_usages(template: &Template) -> FlagSet<KeyUsages> {
    if let Kind::Ca { .. } = template.kind {
        return KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    }
    let wanted = |usage| template.extended_key_usages.contains(&usage);
    let mut usages = FlagSet::from(KeyUsages::DigitalSignature);
    if wanted(ExtendedKeyUsage::EmailProtection) {
        usages |= KeyUsages::NonRepudiation;
    }
    let receives = wanted(ExtendedKeyUsage::ServerAuth) || wanted(ExtendedKeyUsage::EmailProtection);
    if receives && template.public_key.algorithm() == Some(KeyAlgorithm::Rsa) {
        usages |= KeyUsages::KeyEncipherment;
    }
    usages
}

fn purposes(usages: &[ExtendedKeyUsage]) -> Vec<ExtendedKeyUsage> {
    let mut usages = usages.to_vec();
    usages.sort_unstable();
    usages.dedup();
    usages
}

/// UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5).
fn time(at: Timestamp) -> der::Result<Time> {
    let seconds = u64::try_from(at.unix_secs()).map_err(|_| der::Tag::UtcTime.value_error())?;
    let date = DateTime::from_unix_duration(std::time::Duration::from_secs(seconds))?;
    if date.year() <= UtcTime::MAX_YEAR {
        Ok(Time::UtcTime(UtcTime::from_date_time(date)?))
    } else {
        Ok(Time::GeneralTime(GeneralizedTime::from_date_time(date)))
    }
}

/// A magnitude as the contents of a positive DER INTEGER.
fn signed_integer(magnitude: &[u8]) -> Vec<u8> {
    let sign = usize::from(magnitude.first().is_none_or(|octet| octet & 0x80 != 0));
    let mut integer = vec![0; sign];
    integer.extend_from_slice(magnitude);
    integer
}
