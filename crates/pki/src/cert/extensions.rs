//! Extensions of certificates (RFC 5280 §4.2): the ones certctl acts on are decoded, all are listed.

use std::fmt;
use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use der::Decode;
use x509_cert::ext::pkix;
use x509_cert::ext::pkix::name::GeneralName;

use crate::asn1::ExtensionRef;
use crate::cert::CertificateError;
use crate::oid;
use crate::san::San;

/// One extension as it stands in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    pub(crate) id: ObjectIdentifier,
    /// Whether readers that do not know it must refuse the certificate.
    pub critical: bool,
    /// The DER value.
    pub value: Box<[u8]>,
}

impl Extension {
    /// The object identifier in dotted form.
    #[must_use]
    pub fn oid(&self) -> String {
        self.id.to_string()
    }
}

/// Purposes that certctl writes (RFC 5280 §4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtendedKeyUsage {
    /// TLS server.
    ServerAuth,
    /// TLS client.
    ClientAuth,
    /// Signing of code.
    CodeSigning,
    /// E-mail.
    EmailProtection,
    /// Time stamps (RFC 3161); critical and alone in its certificate.
    TimeStamping,
    /// OCSP answers for the CA that issued the certificate (RFC 6960).
    OcspSigning,
}

impl ExtendedKeyUsage {
    /// Every purpose.
    pub const ALL: [Self; 6] = [
        Self::ServerAuth,
        Self::ClientAuth,
        Self::CodeSigning,
        Self::EmailProtection,
        Self::TimeStamping,
        Self::OcspSigning,
    ];

    /// The wire spelling, such as `serverAuth`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::CodeSigning => "codeSigning",
            Self::EmailProtection => "emailProtection",
            Self::TimeStamping => "timeStamping",
            Self::OcspSigning => "ocspSigning",
        }
    }

    /// Reads the wire spelling, exactly as [`Self::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == text)
    }

    pub(crate) const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::ServerAuth => oid::SERVER_AUTH,
            Self::ClientAuth => oid::CLIENT_AUTH,
            Self::CodeSigning => oid::CODE_SIGNING,
            Self::EmailProtection => oid::EMAIL_PROTECTION,
            Self::TimeStamping => oid::TIME_STAMPING,
            Self::OcspSigning => oid::OCSP_SIGNING,
        }
    }
}

impl fmt::Display for ExtendedKeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key may be used for (RFC 5280 §4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "nine independent bits of the standard")]
pub struct KeyUsage {
    /// Signatures other than on certificates and lists.
    pub digital_signature: bool,
    /// Signatures that are meant to bind (also called nonRepudiation).
    pub content_commitment: bool,
    /// Encryption of keys; RSA only.
    pub key_encipherment: bool,
    /// Encryption of data.
    pub data_encipherment: bool,
    /// Key agreement.
    pub key_agreement: bool,
    /// Signatures on certificates.
    pub key_cert_sign: bool,
    /// Signatures on revocation lists.
    pub crl_sign: bool,
    /// With key agreement: encryption only.
    pub encipher_only: bool,
    /// With key agreement: decryption only.
    pub decipher_only: bool,
}

impl From<pkix::KeyUsage> for KeyUsage {
    fn from(bits: pkix::KeyUsage) -> Self {
        Self {
            digital_signature: bits.digital_signature(),
            content_commitment: bits.non_repudiation(),
            key_encipherment: bits.key_encipherment(),
            data_encipherment: bits.data_encipherment(),
            key_agreement: bits.key_agreement(),
            key_cert_sign: bits.key_cert_sign(),
            crl_sign: bits.crl_sign(),
            encipher_only: bits.encipher_only(),
            decipher_only: bits.decipher_only(),
        }
    }
}

/// The extensions of one certificate.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) all: Box<[Extension]>,
    pub(crate) sans: Vec<San>,
    pub(crate) other_names: usize,
    pub(crate) subject_key_id: Option<Box<[u8]>>,
    pub(crate) authority_key_id: Option<Box<[u8]>>,
    pub(crate) basic_constraints: Option<(bool, Option<u8>)>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usages: Vec<ExtendedKeyUsage>,
    /// How many purposes are not among [`ExtendedKeyUsage`].
    pub(crate) other_usages: usize,
    pub(crate) must_staple: bool,
}

impl Extensions {
    pub(crate) fn parse(extensions: &[ExtensionRef<'_>]) -> Result<Self, CertificateError> {
        let mut found = Self::default();
        let mut all = Vec::with_capacity(extensions.len());
        for (at, extension) in extensions.iter().enumerate() {
            let id = extension.extn_id;
            let refuse = |detail: String| CertificateError::Extension { oid: id.to_string(), detail };
            if extensions[..at].iter().any(|earlier| earlier.extn_id == id) {
                return Err(refuse("occurs twice (RFC 5280 §4.2)".to_owned()));
            }
            let value = extension.extn_value.as_bytes();
            found.decode(id, value).map_err(|error| refuse(error.to_string()))?;
            all.push(Extension { id, critical: extension.critical, value: value.into() });
        }
        found.all = all.into();
        Ok(found)
    }

    pub(crate) fn get(&self, id: ObjectIdentifier) -> Option<&Extension> {
        self.all.iter().find(|extension| extension.id == id)
    }

    fn decode(&mut self, id: ObjectIdentifier, value: &[u8]) -> der::Result<()> {
        match id {
            oid::SUBJECT_ALT_NAME => {
                for name in Vec::<GeneralName>::from_der(value)? {
                    match san_as_written(&name) {
                        Some(san) => self.sans.push(san),
                        None => self.other_names += 1,
                    }
                }
            }
            oid::SUBJECT_KEY_ID => {
                self.subject_key_id = Some(pkix::SubjectKeyIdentifier::from_der(value)?.0.as_bytes().into());
            }
            oid::AUTHORITY_KEY_ID => {
                let identifier = pkix::AuthorityKeyIdentifier::from_der(value)?.key_identifier;
                self.authority_key_id = identifier.map(|id| id.as_bytes().into());
            }
            oid::BASIC_CONSTRAINTS => {
                let constraints = pkix::BasicConstraints::from_der(value)?;
                self.basic_constraints = Some((constraints.ca, constraints.path_len_constraint));
            }
            oid::KEY_USAGE => self.key_usage = Some(pkix::KeyUsage::from_der(value)?.into()),
            oid::EXTENDED_KEY_USAGE => {
                for purpose in pkix::ExtendedKeyUsage::from_der(value)?.0 {
                    match ExtendedKeyUsage::ALL.into_iter().find(|usage| usage.oid() == purpose) {
                        Some(usage) => self.extended_key_usages.push(usage),
                        None => self.other_usages += 1,
                    }
                }
            }
            oid::TLS_FEATURE => self.must_staple = Vec::<u16>::from_der(value)?.contains(&STATUS_REQUEST),
            _ => {}
        }
        Ok(())
    }
}

/// `status_request` among the TLS features (RFC 7633 §4.1, RFC 6066 §8).
pub(crate) const STATUS_REQUEST: u16 = 5;

/// A general name as it stands in a foreign certificate: lower case where case means nothing, otherwise untouched.
fn san_as_written(name: &GeneralName) -> Option<San> {
    match name {
        GeneralName::DnsName(text) => Some(San::Dns(text.as_str().to_ascii_lowercase())),
        GeneralName::Rfc822Name(text) => Some(San::Email(text.as_str().to_owned())),
        GeneralName::UniformResourceIdentifier(text) => Some(San::Uri(text.as_str().to_owned())),
        GeneralName::IpAddress(octets) => ip(octets.as_bytes()).map(San::Ip),
        GeneralName::OtherName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

/// An address of 4 or 16 octets.
pub(crate) fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}
