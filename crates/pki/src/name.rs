//! Distinguished names: the few attributes certctl writes, and the text of any it reads.

use der::asn1::{PrintableStringRef, SetOfVec, Utf8StringRef};
use der::{Any, Decode, Encode};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use crate::oid;
use crate::san::{self, NameError};

/// Upper bound of common and organisation names in characters (RFC 5280, appendix A.1).
const MAX_TEXT: usize = 64;

/// The subject of a certificate to be made. Only these attributes can be written; a request cannot add others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    common_name: Option<String>,
    organization: Option<String>,
}

impl Subject {
    /// A subject without attributes; the names of the certificate are then in its (critical) SAN alone.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A subject of one common name.
    ///
    /// # Errors
    /// The text is empty, longer than 64 characters, or has invisible characters.
    pub fn common_name(text: &str) -> Result<Self, NameError> {
        Ok(Self { common_name: Some(text_value("common name", text)?), organization: None })
    }

    /// Adds an organisation, as CA certificates carry one.
    ///
    /// # Errors
    /// As for [`Self::common_name`].
    pub fn with_organization(self, text: &str) -> Result<Self, NameError> {
        Ok(Self { organization: Some(text_value("organization", text)?), ..self })
    }

    /// Whether it has no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.common_name.is_none() && self.organization.is_none()
    }

    /// The DER `Name`, organisation before common name.
    pub(crate) fn to_der(&self) -> der::Result<Vec<u8>> {
        let attributes = [(oid::ORGANIZATION, &self.organization), (oid::COMMON_NAME, &self.common_name)];
        let mut rdns = Vec::with_capacity(2);
        for (oid, text) in attributes {
            if let Some(text) = text {
                let value = Any::encode_from(&Utf8StringRef::new(text)?)?;
                rdns.push(RelativeDistinguishedName(SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }])?));
            }
        }
        RdnSequence(rdns).to_der()
    }
}

fn text_value(what: &'static str, text: &str) -> Result<String, NameError> {
    san::refuse_invisible(text)?;
    let length = text.chars().count();
    if text.trim().is_empty() {
        Err(NameError::Empty)
    } else if length > MAX_TEXT {
        Err(NameError::TooLong { what, length, limit: MAX_TEXT })
    } else {
        Ok(text.to_owned())
    }
}

/// The text of a DER `Name`; empty for an empty name.
pub(crate) fn display(name_der: &[u8]) -> String {
    RdnSequence::from_der(name_der).map(|name| legible(&name)).unwrap_or_default()
}

/// The text of a name by RFC 4514, most specific attribute first. Names come from anywhere and are shown to people and
/// written to logs, so characters that hide or reorder text are escaped as well.
pub(crate) fn legible(name: &RdnSequence) -> String {
    let text = name.to_string();
    if san::refuse_invisible(&text).is_ok() {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for found in text.chars() {
        let mut buffer = [0; 4];
        let encoded = found.encode_utf8(&mut buffer);
        if san::refuse_invisible(encoded).is_ok() {
            escaped.push(found);
        } else {
            escaped.extend(encoded.bytes().map(|octet| format!("\\{octet:02x}")));
        }
    }
    escaped
}

/// The last common name of a DER `Name`, if it is text.
pub(crate) fn common_name(name: &RdnSequence) -> Option<String> {
    let last = name.0.iter().rev().flat_map(|rdn| rdn.0.iter()).find(|attribute| attribute.oid == oid::COMMON_NAME)?;
    text_of(&last.value)
}

/// The text of a directory string in the encodings that occur.
fn text_of(value: &Any) -> Option<String> {
    let text = value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned());
    let text = text.or_else(|_| value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned()));
    let text =
        text.or_else(|_| value.decode_as::<der::asn1::TeletexStringRef<'_>>().map(|text| text.as_str().to_owned()));
    let text = text.or_else(|_| value.decode_as::<der::asn1::Ia5StringRef<'_>>().map(|text| text.as_str().to_owned()));
    text.or_else(|_| value.decode_as::<der::asn1::BmpString>().map(|text| text.to_string())).ok()
}

#[cfg(test)]
mod tests;
