//! What a certificate says: the `TBSCertificate` of RFC 5280 §4.1.2, read once.

use der::{Decode, Encode};
use spki::AlgorithmIdentifierRef;
use x509_cert::certificate::Version;
use x509_cert::name::RdnSequence;
use x509_cert::time::Time;

use crate::asn1::TbsCertificateRef;
use crate::cert::extensions::{Extension, Extensions};
use crate::cert::{CertificateError, ExtendedKeyUsage, KeyUsage, encoding};
use crate::key::{PublicKey, SignatureAlgorithm};
use crate::name;
use crate::san::San;
use crate::serial::Serial;
use crate::time::Timestamp;

/// Everything in a certificate but its signature.
pub struct Contents {
    pub(crate) version: Version,
    serial: Serial,
    signature_algorithm: Option<SignatureAlgorithm>,
    issuer: Box<[u8]>,
    subject: Box<[u8]>,
    subject_names: RdnSequence,
    pub(crate) times: [Time; 2],
    public_key: PublicKey,
    pub(crate) has_unique_ids: bool,
    pub(crate) extensions: Extensions,
}

impl Contents {
    /// Reads a DER `TBSCertificate`; also gives the signature algorithm identifier as it stands there.
    pub(crate) fn parse(der: &[u8]) -> Result<(Self, AlgorithmIdentifierRef<'_>), CertificateError> {
        let tbs = TbsCertificateRef::from_der(der).map_err(encoding)?;
        let subject = tbs.subject.to_der().map_err(encoding)?;
        let subject_names = RdnSequence::from_der(&subject).map_err(encoding)?;
        let issuer = tbs.issuer.to_der().map_err(encoding)?;
        let key = tbs.subject_public_key_info.to_der().map_err(encoding)?;
        let contents = Self {
            version: tbs.version,
            serial: serial(tbs.serial_number.as_bytes())?,
            signature_algorithm: SignatureAlgorithm::from_identifier(&tbs.signature),
            issuer: issuer.into(),
            subject: subject.into(),
            subject_names,
            times: [tbs.validity.not_before, tbs.validity.not_after],
            public_key: PublicKey::from_spki_der(&key).map_err(CertificateError::Key)?,
            has_unique_ids: tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some(),
            extensions: Extensions::parse(tbs.extensions.as_deref().unwrap_or_default())?,
        };
        Ok((contents, tbs.signature))
    }

    /// The serial number.
    #[must_use]
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The algorithm of the signature, `None` for one that certctl does not check.
    #[must_use]
    pub fn signature_algorithm(&self) -> Option<SignatureAlgorithm> {
        self.signature_algorithm
    }

    /// The subject as text (RFC 4514), empty when it has no attribute.
    #[must_use]
    pub fn subject(&self) -> String {
        name::legible(&self.subject_names)
    }

    /// The subject as DER `Name`.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.subject
    }

    pub(crate) fn subject_names(&self) -> &RdnSequence {
        &self.subject_names
    }

    /// The issuer as text (RFC 4514).
    #[must_use]
    pub fn issuer(&self) -> String {
        name::display(&self.issuer)
    }

    /// The issuer as DER `Name`.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.issuer
    }

    /// The last common name in the subject, if there is one, as it stands there: it may hold anything.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        name::common_name(&self.subject_names)
    }

    /// The alternative names of the four kinds certctl knows, in the order of the certificate.
    #[must_use]
    pub fn sans(&self) -> &[San] {
        &self.extensions.sans
    }

    /// How many alternative names are of other kinds and so not among [`Self::sans`].
    #[must_use]
    pub fn other_names(&self) -> usize {
        self.extensions.other_names
    }

    /// First second of validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        timestamp(&self.times[0])
    }

    /// Last second of validity; it is still valid during this second.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        timestamp(&self.times[1])
    }

    /// Whether `now` lies within the validity, both ends included (RFC 5280 §4.1.2.5).
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before() <= now && now.floor_second() <= self.not_after()
    }

    /// The certified key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Subject key identifier.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.extensions.subject_key_id.as_deref()
    }

    /// Key identifier of the issuer's key.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.extensions.authority_key_id.as_deref()
    }

    /// Whether basic constraints say that this is a CA.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.is_some_and(|(is_ca, _)| is_ca)
    }

    /// How many intermediate CAs may follow this one; `None` means any number.
    #[must_use]
    pub fn path_len(&self) -> Option<u8> {
        self.extensions.basic_constraints.and_then(|(_, path_len)| path_len)
    }

    /// What the key may be used for; `None` when the certificate does not say.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.extensions.key_usage
    }

    /// The purposes certctl knows among the extended key usages.
    #[must_use]
    pub fn extended_key_usages(&self) -> &[ExtendedKeyUsage] {
        &self.extensions.extended_key_usages
    }

    /// Whether the certificate asks servers to staple an OCSP answer (RFC 7633).
    #[must_use]
    pub fn must_staple(&self) -> bool {
        self.extensions.must_staple
    }

    /// All extensions in their order, known or not.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions.all
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contents({:?}, serial {})", self.subject(), self.serial)
    }
}

/// Serial numbers of certificates are signed integers; certctl reads the positive ones of at most 20 octets.
fn serial(bytes: &[u8]) -> Result<Serial, CertificateError> {
    if bytes.first().is_some_and(|octet| octet & 0x80 != 0) {
        return Err(CertificateError::Serial);
    }
    Serial::from_be_bytes(bytes).map_err(|_| CertificateError::Serial)
}

fn timestamp(time: &Time) -> Timestamp {
    Timestamp::from_unix_secs(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
}
