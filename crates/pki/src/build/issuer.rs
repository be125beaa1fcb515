//! The CA that will sign: its certificate, checked once, and everything that is the same for each of its leaves.

use std::fmt;
use std::sync::Arc;

use crate::build::BuildError;
use crate::cert::{Certificate, Contents};
use crate::constraints::Constraints;
use crate::key::{PublicKey, SignatureAlgorithm};

/// A CA certificate that may sign certificates. Cheap to clone.
#[derive(Clone)]
pub struct IssuerRef(Arc<Inner>);

struct Inner {
    certificate: Certificate,
    algorithm: SignatureAlgorithm,
    constraints: Vec<Constraints>,
}

impl IssuerRef {
    /// Takes a CA certificate whose key signs the way its kind usually does. Its own name constraints will be applied.
    ///
    /// # Errors
    /// The certificate is no CA, may not sign certificates and revocation lists, has no subject or subject key
    /// identifier, or an unsupported key.
    pub fn new(certificate: Certificate) -> Result<Self, BuildError> {
        Self::below(certificate, &[])
    }

    /// As [`Self::new`], with the CAs `above` it, whose name constraints apply as well.
    ///
    /// # Errors
    /// As for [`Self::new`], or name constraints that cannot be read.
    pub fn below(certificate: Certificate, above: &[Certificate]) -> Result<Self, BuildError> {
        let refuse = |reason| BuildError::Issuer { subject: certificate.subject(), reason };
        let usage = certificate.key_usage().unwrap_or_default();
        if !certificate.is_ca() {
            return Err(refuse("it is not a CA"));
        }
        if !usage.key_cert_sign || !usage.crl_sign {
            return Err(refuse("its key usage lacks keyCertSign or cRLSign"));
        }
        if certificate.subject_key_id().is_none() {
            return Err(refuse("it has no subject key identifier"));
        }
        if certificate.subject_names().is_empty() {
            return Err(refuse("its subject is empty"));
        }
        let kind = certificate.public_key().kind().ok_or_else(|| refuse("its key is of an unsupported kind"))?;
        let mut constraints = Vec::new();
        for ca in std::iter::once(&certificate).chain(above) {
            constraints.extend(Constraints::of(ca).map_err(|_| refuse("its name constraints cannot be read"))?);
        }
        Ok(Self(Arc::new(Inner { algorithm: kind.signature_algorithm(), certificate, constraints })))
    }

    /// The CA certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// How it signs.
    #[must_use]
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm
    }

    /// Checks that the signing key is the one in the certificate.
    ///
    /// # Errors
    /// It is another key.
    pub fn check_key(&self, key: &PublicKey) -> Result<(), BuildError> {
        if self.certificate().public_key() == key {
            Ok(())
        } else {
            let subject = self.certificate().subject();
            Err(BuildError::Issuer { subject, reason: "the private key is not the one in the certificate" })
        }
    }

    /// The first name in `contents` that some CA on the path forbids.
    pub(crate) fn forbidden_name(&self, contents: &Contents) -> Option<String> {
        self.0.constraints.iter().find_map(|constraints| constraints.violation(contents))
    }
}

impl fmt::Debug for IssuerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IssuerRef").field(self.certificate()).finish()
    }
}
