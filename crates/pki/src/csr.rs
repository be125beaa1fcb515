//! Certification requests (PKCS#10, RFC 2986): read with distrust, made for agents and tests.
//!
//! A parsed request has passed everything that does not depend on a profile: strict DER, size, proof of
//! possession, an acceptable signature algorithm, a key without known weakness, and names of kinds that can
//! be issued. Nothing of it is copied into a certificate but the key and, after policy, the names.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use der::{Any, Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::CertReqInfo;

use crate::asn1::Signed;
use crate::cert::extension_ip;
use crate::key::{KeyError, KeyKind, PublicKey, SignatureAlgorithm, Weakness};
use crate::pem::{self, PemError};
use crate::san::{self, NameError, San};
use crate::{name, oid};

mod make;

const LABEL: &str = "CERTIFICATE REQUEST";
/// What old tools write instead.
const OLD_LABEL: &str = "NEW CERTIFICATE REQUEST";

/// A certification request that proved possession of its key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Csr(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    der: Box<[u8]>,
    common_name: Option<String>,
    sans: Vec<San>,
    public_key: PublicKey,
    kind: KeyKind,
    other_extensions: Vec<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// Not one PEM block of a request.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// More bytes than certctl reads.
    #[error("request has {length} bytes; at most {limit} are read")]
    TooLarge {
        /// Size of the request in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not the DER structure of a request.
    #[error("not a DER certification request: {detail}")]
    Encoding {
        /// What is wrong with the bytes.
        detail: String,
    },
    /// Signed with an algorithm that is broken.
    #[error("request is signed with {algorithm}, which is broken; sign it with SHA-256 or better")]
    BrokenSignatureAlgorithm {
        /// Name of the algorithm.
        algorithm: &'static str,
    },
    /// Signed with an algorithm certctl does not check.
    #[error(
        "request is signed with algorithm {algorithm}, which is not supported; use ECDSA, RSA PKCS#1 or Ed25519 with SHA-2"
    )]
    SignatureAlgorithm {
        /// Object identifier of the algorithm.
        algorithm: String,
    },
    /// The signature is not one of the key in the request.
    #[error("request is not signed by its own key: proof of possession fails")]
    ProofOfPossession,
    /// The key cannot be read.
    #[error("request key: {0}")]
    Key(KeyError),
    /// The key must not be certified.
    #[error("request key is refused: {0}")]
    WeakKey(#[from] Weakness),
    /// A common name with invisible characters.
    #[error("request common name: {0}")]
    CommonName(NameError),
    /// A name that is not valid.
    #[error("request name {index}: {error}")]
    Name {
        /// Position among the alternative names, from zero.
        index: usize,
        /// What is wrong with it.
        error: NameError,
    },
    /// A name of a kind that cannot be issued.
    #[error(
        "request name {index} is of kind {kind}, which certctl does not issue; ask for DNS, IP, e-mail or URI names"
    )]
    UnsupportedName {
        /// Position among the alternative names, from zero.
        index: usize,
        /// The kind of name.
        kind: &'static str,
    },
    /// More names than certctl issues.
    #[error("request has {count} names; at most {limit} are issued in one certificate")]
    TooManyNames {
        /// Names in the request.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// An extension or extension request that occurs twice.
    #[error("request asks twice for {what}")]
    Twice {
        /// What occurs twice.
        what: String,
    },
}

impl Csr {
    /// The largest request that is read, in bytes of DER.
    pub const MAX_DER: usize = 32 * 1024;
    /// The most alternative names in one request.
    pub const MAX_NAMES: usize = 100;

    /// Reads exactly one PEM block `CERTIFICATE REQUEST` (or `NEW CERTIFICATE REQUEST`) and verifies it.
    ///
    /// # Errors
    /// The text is not such a block, or the request is refused.
    pub fn parse_pem(text: &str) -> Result<Self, CsrError> {
        Self::parse_der(&pem::single(text, &[LABEL, OLD_LABEL])?.der)
    }

    /// Reads one DER request with nothing after it and verifies it.
    ///
    /// # Errors
    /// The request is refused.
    pub fn parse_der(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > Self::MAX_DER {
            return Err(CsrError::TooLarge { length: der.len(), limit: Self::MAX_DER });
        }
        let frame = Signed::parse(der).map_err(encoding)?;
        let info: CertReqInfo = strict(frame.contents)?;
        let algorithm = signature_algorithm(&frame)?;
        let spki = info.public_key.to_der().map_err(encoding)?;
        let public_key = PublicKey::from_spki_der(&spki).map_err(CsrError::Key)?;
        if let Some(weakness) = public_key.weakness() {
            return Err(weakness.into());
        }
        let kind = public_key.kind().expect("a key without weakness is of a supported kind");
        public_key.verify(algorithm, frame.contents, frame.signature).map_err(|_| CsrError::ProofOfPossession)?;
        let common_name = name::common_name(&info.subject);
        if let Some(text) = &common_name {
            san::refuse_invisible(text).map_err(CsrError::CommonName)?;
        }
        let requested = Requested::of(&info)?;
        Ok(Self(Arc::new(Inner {
            der: der.into(),
            common_name,
            sans: requested.sans,
            public_key,
            kind,
            other_extensions: requested.others,
        })))
    }

    /// The last common name of the subject; everything else in the subject is ignored.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// The alternative names asked for, sorted and without duplicates.
    #[must_use]
    pub fn sans(&self) -> &[San] {
        &self.0.sans
    }

    /// The key whose possession the request proves.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// The kind of [`Self::public_key`].
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        self.0.kind
    }

    /// Object identifiers of the extensions asked for besides names. They are recorded, never copied.
    #[must_use]
    pub fn other_extensions(&self) -> &[String] {
        &self.0.other_extensions
    }

    /// The bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// A PEM block `CERTIFICATE REQUEST`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, self.der())
    }

    /// SHA-256 over the bytes: tells a repeated request from a new one.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        digest(&SHA256, self.der()).as_ref().try_into().expect("SHA-256 yields 32 octets")
    }
}

impl PartialEq for Csr {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Csr {}

/// What the extension request attribute (RFC 2985 §5.4.2, or the older one of Windows) asks for.
#[derive(Default)]
struct Requested {
    sans: Vec<San>,
    others: Vec<String>,
}

impl Requested {
    fn of(info: &CertReqInfo) -> Result<Self, CsrError> {
        let asks = |id| id == oid::EXTENSION_REQUEST || id == oid::MS_EXTENSION_REQUEST;
        let mut wanted = info.attributes.iter().filter(|attribute| asks(attribute.oid));
        let Some(attribute) = wanted.next() else { return Ok(Self::default()) };
        let [value] = attribute.values.as_slice() else {
            return Err(CsrError::Twice { what: "extensions".to_owned() });
        };
        if wanted.next().is_some() {
            return Err(CsrError::Twice { what: "extensions".to_owned() });
        }
        Self::of_extensions(value)
    }

    fn of_extensions(value: &Any) -> Result<Self, CsrError> {
        let extensions: Vec<Extension> = strict(&value.to_der().map_err(encoding)?)?;
        let mut requested = Self::default();
        for (at, extension) in extensions.iter().enumerate() {
            let id = extension.extn_id;
            if extensions[..at].iter().any(|earlier| earlier.extn_id == id) {
                return Err(CsrError::Twice { what: format!("extension {id}") });
            }
            if id == oid::SUBJECT_ALT_NAME {
                requested.sans = names(extension.extn_value.as_bytes())?;
            } else {
                requested.others.push(id.to_string());
            }
        }
        Ok(requested)
    }
}

fn names(value: &[u8]) -> Result<Vec<San>, CsrError> {
    let names: Vec<GeneralName> = strict(value)?;
    if names.is_empty() {
        return Err(encoding("the list of alternative names is empty (RFC 5280 §4.2.1.6)"));
    }
    if names.len() > Csr::MAX_NAMES {
        return Err(CsrError::TooManyNames { count: names.len(), limit: Csr::MAX_NAMES });
    }
    let parsed: Result<Vec<San>, CsrError> =
        names.iter().enumerate().map(|(index, name)| san_of(index, name)).collect();
    parsed.map(San::normalize)
}

/// Every kind of general name is either issued or refused; none is dropped.
fn san_of(index: usize, name: &GeneralName) -> Result<San, CsrError> {
    let unsupported = |kind| Err(CsrError::UnsupportedName { index, kind });
    let named = |result: Result<San, NameError>| result.map_err(|error| CsrError::Name { index, error });
    match name {
        GeneralName::DnsName(text) => named(San::dns(text.as_str())),
        GeneralName::Rfc822Name(text) => named(San::email(text.as_str())),
        GeneralName::UniformResourceIdentifier(text) => named(San::uri(text.as_str())),
        GeneralName::IpAddress(octets) => match extension_ip(octets.as_bytes()) {
            Some(address) => Ok(San::ip(address)),
            None => Err(encoding("an IP address has 4 or 16 octets (RFC 5280 §4.2.1.6)")),
        },
        GeneralName::OtherName(_) => unsupported("otherName"),
        GeneralName::DirectoryName(_) => unsupported("directoryName"),
        GeneralName::EdiPartyName(_) => unsupported("ediPartyName"),
        GeneralName::RegisteredId(_) => unsupported("registeredID"),
    }
}

fn signature_algorithm(frame: &Signed<'_>) -> Result<SignatureAlgorithm, CsrError> {
    if let Some(algorithm) = SignatureAlgorithm::from_identifier(&frame.algorithm) {
        return Ok(algorithm);
    }
    let broken = match frame.algorithm.oid {
        oid::RSA_MD2 => "MD2 with RSA",
        oid::RSA_MD5 => "MD5 with RSA",
        oid::RSA_SHA1 => "SHA-1 with RSA",
        oid::ECDSA_SHA1 => "SHA-1 with ECDSA",
        other => return Err(CsrError::SignatureAlgorithm { algorithm: other.to_string() }),
    };
    Err(CsrError::BrokenSignatureAlgorithm { algorithm: broken })
}

/// Reads a value whose bytes are exactly what DER makes of it: no explicit defaults, no unsorted sets.
fn strict<'a, T: Decode<'a> + Encode>(der: &'a [u8]) -> Result<T, CsrError> {
    let value = T::from_der(der).map_err(encoding)?;
    if value.to_der().map_err(encoding)? == der { Ok(value) } else { Err(encoding("it is BER, not DER")) }
}

fn encoding(error: impl std::fmt::Display) -> CsrError {
    CsrError::Encoding { detail: error.to_string() }
}

#[cfg(test)]
mod tests;
