//! The frames of X.509 as zero-copy types, used for reading and for writing alike.
//!
//! Names, keys and extension values stay bytes here; the modules that know their meaning decode them.

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, IntRef, OctetStringRef};
use der::{Decode, Reader, Sequence, SliceReader};
use spki::AlgorithmIdentifierRef;
use x509_cert::certificate::Version;
use x509_cert::time::Validity;

/// `SIGNED { … }`: certificates, requests and lists all have this frame (RFC 5280 §4.1.1).
pub(crate) struct Signed<'a> {
    /// The signed bytes, header included.
    pub(crate) contents: &'a [u8],
    /// Where they start in the input.
    pub(crate) contents_at: usize,
    pub(crate) algorithm: AlgorithmIdentifierRef<'a>,
    pub(crate) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        // A nested reader cannot lend out slices of the input, so the body is taken as a whole first.
        let body = AnyRef::decode(&mut reader)?;
        reader.finish(())?;
        if der::Tagged::tag(&body) != der::Tag::Sequence {
            return Err(der::Tag::Sequence.value_error());
        }
        let mut reader = SliceReader::new(body.value())?;
        let contents = reader.tlv_bytes()?;
        let algorithm = AlgorithmIdentifierRef::decode(&mut reader)?;
        let signature = BitStringRef::decode(&mut reader)?;
        reader.finish(())?;
        let signature = signature.as_bytes().ok_or_else(|| der::Tag::BitString.value_error())?;
        Ok(Self { contents, contents_at: der.len() - body.value().len(), algorithm, signature })
    }
}

/// What [`Signed::parse`] takes apart, to be encoded.
#[derive(Sequence)]
pub(crate) struct SignedRef<'a> {
    pub(crate) contents: AnyRef<'a>,
    pub(crate) algorithm: AlgorithmIdentifierRef<'a>,
    pub(crate) signature: BitStringRef<'a>,
}

/// `TBSCertificate` (RFC 5280 §4.1).
#[derive(Sequence)]
pub(crate) struct TbsCertificateRef<'a> {
    #[asn1(context_specific = "0", default = "Default::default")]
    pub(crate) version: Version,
    pub(crate) serial_number: IntRef<'a>,
    pub(crate) signature: AlgorithmIdentifierRef<'a>,
    pub(crate) issuer: AnyRef<'a>,
    pub(crate) validity: Validity,
    pub(crate) subject: AnyRef<'a>,
    pub(crate) subject_public_key_info: AnyRef<'a>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) issuer_unique_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) subject_unique_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "3", optional = "true")]
    pub(crate) extensions: Option<Vec<ExtensionRef<'a>>>,
}

/// `Extension` (RFC 5280 §4.1).
#[derive(Sequence)]
pub(crate) struct ExtensionRef<'a> {
    pub(crate) extn_id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    pub(crate) critical: bool,
    pub(crate) extn_value: OctetStringRef<'a>,
}
