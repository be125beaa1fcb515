//! Requests made by certctl itself: by agents for their hosts, and by tests.

use der::asn1::{AnyRef, BitStringRef, SetOfVec};
use der::{Any, Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::name::RdnSequence;
use x509_cert::request::{CertReqInfo, Version};

use crate::asn1::SignedRef;
use crate::build;
use crate::csr::{Csr, CsrError, encoding};
use crate::key::PrivateKey;
use crate::name::Subject;
use crate::oid;
use crate::san::San;

impl Csr {
    /// Makes a request for `key`, signed by it.
    ///
    /// # Errors
    /// A common name above 64 characters or with invisible ones, more than [`Csr::MAX_NAMES`] names, or a failure of
    /// the cryptographic library.
    pub fn build(key: &PrivateKey, common_name: Option<&str>, sans: &[San]) -> Result<Self, CsrError> {
        let subject = match common_name {
            Some(text) => Subject::common_name(text).map_err(CsrError::CommonName)?,
            None => Subject::empty(),
        };
        let der = encode(key, &subject, sans).map_err(encoding)?;
        let signature = key.sign(&der).map_err(CsrError::Key)?;
        let signed = SignedRef {
            contents: AnyRef::try_from(der.as_slice()).map_err(encoding)?,
            algorithm: key.signature_algorithm().identifier(),
            signature: BitStringRef::from_bytes(&signature).map_err(encoding)?,
        };
        Self::parse_der(&signed.to_der().map_err(encoding)?)
    }
}

/// The DER `CertificationRequestInfo`.
fn encode(key: &PrivateKey, subject: &Subject, sans: &[San]) -> der::Result<Vec<u8>> {
    let mut attributes = SetOfVec::new();
    if !sans.is_empty() {
        let names = San::normalize(sans.to_vec());
        let extension = Extension {
            extn_id: oid::SUBJECT_ALT_NAME,
            critical: subject.is_empty(),
            extn_value: der::asn1::OctetString::new(build::general_names(&names)?)?,
        };
        let value = Any::encode_from(&vec![extension])?;
        attributes.insert(Attribute { oid: oid::EXTENSION_REQUEST, values: SetOfVec::try_from(vec![value])? })?;
    }
    CertReqInfo {
        version: Version::V1,
        subject: RdnSequence::from_der(&subject.to_der()?)?,
        public_key: SubjectPublicKeyInfoOwned::from_der(key.public_key().spki_der())?,
        attributes,
    }
    .to_der()
}
