//! What an issuer is: a CA that answers a request with a certificate, at once or later.
//!
//! CRL, OCSP, CA certificate and renewal information are powers that only some issuers have; each becomes a trait of its
//! own, so that nothing here answers "not supported".

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use certctl_pki::{Certificate, CertificateError, Csr, ExtendedKeyUsage, KeyAlgorithm, San, Timestamp};

use crate::{ConnectorError, Cx, ErrorClass, ProbeReport};

/// A CA outside the server's own keys. Runs in the server.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// Asks for a certificate. Called once per order: an attempt whose outcome is unknown is repeated with the same
    /// [`Cx::idempotency_key`].
    ///
    /// # Errors
    /// Its class says whether a repeat can help.
    async fn issue(&self, cx: &Cx, request: &IssueRequest) -> Result<Outcome, ConnectorError>;

    /// Asks what became of `order`: one question, no waiting inside.
    ///
    /// # Errors
    /// [`ErrorClass::Rejected`] when the order failed for good.
    async fn poll(&self, cx: &Cx, order: &OrderRef) -> Result<Outcome, ConnectorError>;

    /// Looks whether the issuer can be reached and would issue, without issuing.
    ///
    /// # Errors
    /// Only when the look itself is impossible; findings are in the report.
    async fn test(&self, cx: &Cx) -> Result<ProbeReport, ConnectorError>;

    /// What this issuer can honour. A wish beyond it is refused before the issuer is asked.
    fn capabilities(&self) -> IssuerCapabilities;
}

/// An issuer as the pipeline holds it: shared, replaced as a whole when its configuration changes.
pub type SharedIssuer = Arc<dyn Issuer>;

/// What a certificate is asked to say. Names, purposes and validity were judged before; the CSR gives key and possession.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The request, possession of its key proved.
    pub csr: Csr,
    /// Subject common name.
    pub common_name: String,
    /// Names to certify.
    pub sans: Vec<San>,
    /// Purposes.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// First second of validity, already backdated.
    pub not_before: Timestamp,
    /// Last second of validity wished; an issuer may give less, never more.
    pub not_after: Timestamp,
    /// Ask servers to staple OCSP answers (RFC 7633).
    pub must_staple: bool,
}

/// The answer of an issuer that did not refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Here it is.
    Issued(Issued),
    /// Accepted, not issued yet.
    Pending {
        /// What to ask for later; persisted before anything else happens.
        order: OrderRef,
        /// When to ask.
        poll_after: Duration,
    },
}

/// A certificate that an issuer returned: parsed, so that "issued but empty" cannot be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate itself.
    pub leaf: Certificate,
    /// Intermediates in order, the leaf's issuer first, root excluded.
    pub chain: Vec<Certificate>,
    /// The issuer's own name for it, where it has one (needed to revoke at some CAs).
    pub order: Option<OrderRef>,
}

impl Issued {
    /// Reads what an issuer sent: DER, leaf first.
    ///
    /// # Errors
    /// One of them is not a certificate.
    pub fn parse<'a>(leaf: &[u8], chain: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, CertificateError> {
        let chain = chain.into_iter().map(Certificate::parse_der).collect::<Result<_, _>>()?;
        Ok(Self { leaf: Certificate::parse_der(leaf)?, chain, order: None })
    }
}

/// An issuer's name for an order. At most [`OrderRef::MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderRef(String);

impl OrderRef {
    /// Longest reference kept, in bytes.
    pub const MAX: usize = 1024;

    /// Takes an issuer's reference.
    ///
    /// # Errors
    /// [`ErrorClass::Internal`] if it is empty or longer than [`Self::MAX`]: an order that cannot be asked for is lost.
    pub fn new(connector: &'static str, reference: impl Into<String>) -> Result<Self, ConnectorError> {
        let reference = reference.into();
        if reference.is_empty() || reference.len() > Self::MAX {
            let message =
                format!("the issuer gave an order reference of {} bytes; 1 to {} fit", reference.len(), Self::MAX);
            return Err(ConnectorError::new(ErrorClass::Internal, connector, "issue", message));
        }
        Ok(Self(reference))
    }

    /// The reference as the issuer gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for OrderRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an issuer can honour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerCapabilities {
    /// Families of keys it certifies.
    pub key_algorithms: Vec<KeyAlgorithm>,
    /// Purposes it can write.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// Kinds of names it can write.
    pub names: NameKinds,
    /// Longest validity it gives; `None` where it does not say.
    pub lifetime_max: Option<Duration>,
    /// Whether the validity asked for is honoured, not replaced by the CA's own.
    pub honours_validity: bool,
    /// Whether it writes the must-staple extension.
    pub must_staple: bool,
}

/// Kinds of subject alternative names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameKinds {
    /// dNSName without wildcard.
    pub dns: bool,
    /// dNSName with wildcard.
    pub wildcard: bool,
    /// iPAddress.
    pub ip: bool,
    /// rfc822Name.
    pub email: bool,
    /// uniformResourceIdentifier.
    pub uri: bool,
}

impl NameKinds {
    /// Every kind.
    pub const ALL: Self = Self { dns: true, wildcard: true, ip: true, email: true, uri: true };

    /// Whether `name` is of one of these kinds.
    pub fn includes(self, name: &San) -> bool {
        match name {
            San::Dns(dns) if dns.starts_with("*.") => self.wildcard,
            San::Dns(_) => self.dns,
            San::Ip(_) => self.ip,
            San::Email(_) => self.email,
            San::Uri(_) => self.uri,
        }
    }
}
