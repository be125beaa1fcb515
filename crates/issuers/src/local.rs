//! The local CA (`GenericCA`): a CA of ours whose key lies in a sealed row that all replicas share, or in a file that
//! somebody else put there as a subordinate of their own CA.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use certctl_connector::schema::{Default as FieldDefault, Field, Kind};
use certctl_connector::{ConfigSchema, ConnectorError, Engine, ErrorClass, OwnCa, Signer};
use certctl_domain::ids::CaId;
use certctl_domain::issuer::LOCAL_CA;
use certctl_pki::build::IssuerRef;
use certctl_pki::{Certificate, KeyKind, PrivateKey, PublicKey, Timestamp};
use serde::Deserialize;
use serde_json::Value;

/// The fields of the configuration.
pub const SCHEMA: ConfigSchema = ConfigSchema {
    connector: LOCAL_CA,
    fields: &[
        Field::optional("ca_common_name", Kind::Text, "Name of the CA that is made at creation.")
            .or(FieldDefault::Text("CertCtl Local CA")),
        Field::optional("validity_days", Kind::Integer(1, 3650), "Longest life of a certificate, in days.")
            .or(FieldDefault::Integer(90)),
        Field::optional(
            "ca_cert_path",
            Kind::Path,
            "Subordinate CA: certificate chain, PEM, signing CA first, root last.",
        ),
        Field::optional(
            "ca_key_path",
            Kind::Path,
            "Subordinate CA: its private key, PEM, readable by the server alone.",
        ),
    ],
};

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalConfig {
    /// Name of the CA that is made at creation.
    pub ca_common_name: String,
    /// Longest life of a certificate, in days.
    pub validity_days: u32,
    /// Chain of a subordinate CA: signing CA first, root last.
    pub ca_cert_path: Option<PathBuf>,
    /// Key of a subordinate CA.
    pub ca_key_path: Option<PathBuf>,
}

impl LocalConfig {
    /// Reads a configuration; defaults are filled in.
    ///
    /// # Errors
    /// Class `Config` naming every field at fault.
    pub fn parse(config: &Value) -> Result<Self, ConnectorError> {
        let parsed: Self = SCHEMA.parse(config).map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            config_error(texts.join("; "))
        })?;
        if parsed.ca_cert_path.is_some() != parsed.ca_key_path.is_some() {
            return Err(config_error("ca_cert_path and ca_key_path: give both for a subordinate CA, or neither"));
        }
        Ok(parsed)
    }

    /// Whether the CA's key lies in a file.
    #[must_use]
    pub fn is_subordinate(&self) -> bool {
        self.ca_cert_path.is_some()
    }
}

/// A CA kept in rows.
pub struct KeptCa {
    /// Its id.
    pub id: CaId,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// The root above it, DER.
    pub root: Vec<u8>,
    /// Its key, PKCS#8 DER, opened.
    pub key: zeroize::Zeroizing<Vec<u8>>,
}

/// The engine of a CA whose key lies in a sealed row.
///
/// # Errors
/// Class `Config` when key and certificate do not belong together, or the certificate cannot sign at `now`.
pub fn from_row(config: &LocalConfig, ca: &KeptCa, now: Timestamp) -> Result<Engine, ConnectorError> {
    let certificate = parse(&ca.certificate)?;
    let root = parse(&ca.root)?;
    let key = PrivateKey::from_pkcs8_der(&ca.key).map_err(|error| config_error(format!("the CA's key: {error}")))?;
    engine(config, ca.id.clone(), vec![certificate, root], key, now)
}

/// The engine of a subordinate CA from files.
///
/// # Errors
/// Class `Config` naming the file at fault.
pub fn from_files(config: &LocalConfig, id: CaId, now: Timestamp) -> Result<Engine, ConnectorError> {
    let (Some(cert_path), Some(key_path)) = (&config.ca_cert_path, &config.ca_key_path) else {
        return Err(config_error("ca_cert_path and ca_key_path: give both for a subordinate CA"));
    };
    let chain = read(cert_path, "ca_cert_path")?;
    let chain =
        certctl_pki::pem::split_certificates(&chain).map_err(|error| config_error(format!("ca_cert_path: {error}")))?;
    refuse_loose_mode(key_path)?;
    let key = zeroize::Zeroizing::new(read(key_path, "ca_key_path")?);
    let key = PrivateKey::from_pem(&key).map_err(|error| config_error(format!("ca_key_path: {error}")))?;
    engine(config, id, chain, key, now)
}

fn engine(
    config: &LocalConfig,
    id: CaId,
    chain: Vec<Certificate>,
    key: PrivateKey,
    now: Timestamp,
) -> Result<Engine, ConnectorError> {
    let mut links = chain.iter();
    let signing = links.next().ok_or_else(|| config_error("ca_cert_path: holds no certificate"))?.clone();
    if signing.public_key().spki_der() != key.public_key().spki_der() {
        return Err(config_error("the CA's key does not belong to its certificate; give the matching pair"));
    }
    if !signing.is_valid_at(now) {
        let message =
            format!("the CA's certificate is not valid now (until {}); renew it", signing.not_after().to_rfc3339());
        return Err(config_error(message));
    }
    let issuer = IssuerRef::new(signing.clone()).map_err(|error| config_error(error.to_string()))?;
    let root = chain.iter().rev().find(|ca| ca.is_self_issued()).cloned();
    let anchor = root.clone().unwrap_or_else(|| signing.clone());
    let between: Vec<Certificate> = links.filter(|ca| !ca.is_self_issued()).cloned().collect();
    check_links(&signing, &between, &anchor, now)?;
    let served = std::iter::once(&signing).chain(&between).filter(|ca| !ca.is_self_issued());
    Ok(Engine::Own(Box::new(OwnCa {
        kind: LOCAL_CA,
        ca_id: id,
        issuer,
        chain_pem: certctl_pki::pem::to_pem_chain(served),
        root_pem: anchor.to_pem(),
        lifetime_max: Duration::from_secs(u64::from(config.validity_days) * 86_400),
        signer: Arc::new(KeySigner(key)),
    })))
}

/// The signing CA must lead to the root that stands at the end of the file.
fn check_links(
    signing: &Certificate,
    between: &[Certificate],
    root: &Certificate,
    now: Timestamp,
) -> Result<(), ConnectorError> {
    let mut below = signing;
    for above in between.iter().chain(std::iter::once(root)) {
        if below.der() == above.der() {
            continue;
        }
        let broken = |error: String| config_error(format!("the chain is broken at {}: {error}", below.subject()));
        below.verify_issued_by(above).map_err(|error| broken(error.to_string()))?;
        if !above.is_valid_at(now) {
            return Err(broken(format!("{} is not valid now", above.subject())));
        }
        below = above;
    }
    Ok(())
}

/// A private key in memory.
struct KeySigner(PrivateKey);

#[async_trait]
impl Signer for KeySigner {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn kind(&self) -> KeyKind {
        self.0.kind()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ConnectorError> {
        self.0
            .sign(message)
            .map_err(|error| ConnectorError::new(ErrorClass::Internal, LOCAL_CA, "sign", error.to_string()))
    }
}

fn read(path: &Path, field: &str) -> Result<String, ConnectorError> {
    std::fs::read_to_string(path)
        .map_err(|error| config_error(format!("{field}: {} cannot be read: {error}", path.display())))
}

/// A CA key that others can read is no secret.
fn refuse_loose_mode(path: &Path) -> Result<(), ConnectorError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        std::fs::metadata(path).map_err(|error| config_error(format!("ca_key_path: {}: {error}", path.display())))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(config_error(format!("ca_key_path: {} is open to others; chmod 600 it", path.display())));
    }
    Ok(())
}

fn parse(der: &[u8]) -> Result<Certificate, ConnectorError> {
    Certificate::parse_der(der).map_err(|error| config_error(format!("a CA certificate on record: {error}")))
}

fn config_error(message: impl AsRef<str>) -> ConnectorError {
    ConnectorError::new(ErrorClass::Config, LOCAL_CA, "load", message)
}

#[cfg(test)]
mod tests;
