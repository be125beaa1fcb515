//! The certificate authorities every installation has: made once, by whichever replica comes first, and kept as sealed rows
//! that all replicas share. Root P-384, ten years, one CA below; issuing CA P-256, five years, none below.

use std::sync::Arc;
use std::time::Duration;

use certctl_connector::{ConnectorError, OwnCa, Signer};
use certctl_db::{DbError, Unit};
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Purpose;
use certctl_domain::ids::{CaId, IssuerId};
use certctl_domain::issuer::{Ca, CaRole, LOCAL_CA};
use certctl_pki::build::{IssuerRef, Kind, Template, Validity};
use certctl_pki::name::Subject;
use certctl_pki::{Certificate, KeyKind, PrivateKey, PublicKey, Serial, Timestamp};

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::issue::internal::Internal;
use crate::world::App;

const DAY: Duration = Duration::from_secs(86_400);
const ROOT_LIFE: Duration = DAY.saturating_mul(3_652);
const ISSUING_LIFE: Duration = DAY.saturating_mul(1_826);
const BACKDATE: Duration = Duration::from_secs(300);

impl App {
    /// Makes sure that an issuer of ours has its CAs. Safe to call from every replica at every start.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] when a stored key cannot be opened.
    pub async fn ca_ensure(&self, issuer: &IssuerId, name: &str) -> Result<()> {
        if certctl_store::cas::pair(self.db(), issuer).await?.is_some() {
            return Ok(());
        }
        let root = match certctl_store::cas::root(self.db(), issuer).await? {
            Some(root) => root,
            None => self.ca_root_create(issuer, name).await?,
        };
        let signer = self.ca_signer(&root)?;
        let certificate =
            Certificate::parse_der(&root.certificate).map_err(|error| Error::bug("reading the root", error))?;
        let own = OwnCa {
            kind: LOCAL_CA,
            ca_id: root.id.clone(),
            issuer: IssuerRef::new(certificate.clone()).map_err(|error| Error::bug("using the root", error))?,
            chain_pem: String::new(),
            root_pem: certificate.to_pem(),
            lifetime_max: ISSUING_LIFE,
            signer: Arc::new(signer),
        };
        match self.ca_issuing_create(issuer, name, &own).await {
            // Another replica was first.
            Err(Error::Conflict { .. }) if certctl_store::cas::pair(self.db(), issuer).await?.is_some() => Ok(()),
            other => other,
        }
    }

    /// The root: the one certificate that is made outside the pipeline, since nothing above it could sign it.
    async fn ca_root_create(&self, issuer: &IssuerId, name: &str) -> Result<Ca> {
        let now = self.now();
        let key = generate(KeyKind::EcdsaP384)?;
        let template = Template {
            kind: Kind::Ca { path_len: Some(1) },
            serial: Serial::from_random(self.random::<20>()),
            subject: subject(&format!("{name} Root"))?,
            sans: Vec::new(),
            public_key: key.public_key().clone(),
            validity: Validity::new(now - BACKDATE, now + ROOT_LIFE)
                .map_err(|error| Error::bug("dating the root", error))?,
            extended_key_usages: Vec::new(),
            must_staple: false,
        };
        let tbs = template.self_signed().map_err(|error| Error::bug("building the root", error))?;
        crate::issue::lint(&tbs, now)?;
        let signature = key.sign(tbs.der()).map_err(|error| Error::bug("signing the root", error))?;
        let certificate = tbs.finish(&signature).map_err(|error| Error::bug("putting the root together", error))?;
        let ca = self.ca_row(issuer, CaRole::Root, None, &certificate, &key, now)?;
        let mut unit = Unit::new();
        self.ca_insert(&mut unit, &ca, &certificate);
        match self.db().commit(unit).await {
            Ok(()) => Ok(ca),
            Err(DbError::Unique { .. }) => {
                let root = certctl_store::cas::root(self.db(), issuer).await?;
                root.ok_or_else(|| Error::internal("the root that was in the way is gone"))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn ca_issuing_create(&self, issuer: &IssuerId, name: &str, root: &OwnCa) -> Result<()> {
        let key = generate(KeyKind::EcdsaP256)?;
        let ask = Internal {
            purpose: Purpose::Ca,
            holder: issuer.to_string(),
            common_name: format!("{name} Issuing CA"),
            sans: Vec::new(),
            public_key: key.public_key().clone(),
            kind: Kind::Ca { path_len: Some(0) },
            usages: Vec::new(),
            lifetime: ISSUING_LIFE,
        };
        self.internal_issue(&Caller::system("ca"), root, ask, |unit, _, certificate| {
            let ca = self.ca_row(issuer, CaRole::Issuing, Some(root.ca_id.clone()), certificate, &key, self.now())?;
            self.ca_insert(unit, &ca, certificate);
            Ok(())
        })
        .await
        .map(|_| ())
    }

    fn ca_row(
        &self,
        issuer: &IssuerId,
        role: CaRole,
        parent: Option<CaId>,
        certificate: &Certificate,
        key: &PrivateKey,
        now: Timestamp,
    ) -> Result<Ca> {
        let id = CaId::new(self.ids().ulid());
        let sealed = self.sealer().seal("cas", "sealed_key", id.as_str(), &key.to_pkcs8_der())?;
        Ok(Ca {
            id,
            issuer_id: issuer.clone(),
            role,
            parent_id: parent,
            certificate: certificate.der().to_vec(),
            sealed_key: Some(sealed),
            key_ref: None,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            created_at: now,
        })
    }

    fn ca_insert(&self, unit: &mut Unit, ca: &Ca, certificate: &Certificate) {
        certctl_store::cas::insert(unit, ca);
        let event = Event::new(Action::CaCreated, &ca.id)
            .with("issuer_id", ca.issuer_id.as_str())
            .with("role", ca.role.as_str())
            .with("subject", certificate.subject())
            .with("fingerprint_sha256", certificate.fingerprint_sha256());
        self.audit(unit, &Caller::system("ca"), event);
    }

    fn ca_signer(&self, ca: &Ca) -> Result<KeySigner> {
        let sealed = ca.sealed_key.as_ref().ok_or_else(|| Error::internal("the CA's key is not kept here"))?;
        let der = self.sealer().open("cas", "sealed_key", ca.id.as_str(), sealed)?;
        let key = PrivateKey::from_pkcs8_der(&der).map_err(|error| Error::bug("reading the CA's key", error))?;
        Ok(KeySigner(key))
    }

    /// The root of an issuer of ours, PEM: what its clients trust.
    ///
    /// # Errors
    /// [`Error::Missing`] when it has none.
    pub async fn ca_root_pem(&self, issuer: &IssuerId) -> Result<String> {
        let root = certctl_store::cas::root(self.db(), issuer)
            .await?
            .ok_or_else(|| Error::missing("root of issuer", issuer))?;
        let root = Certificate::parse_der(&root.certificate).map_err(|error| Error::bug("reading the root", error))?;
        Ok(root.to_pem())
    }
}

/// A key in memory, for the moment in which the CAs are made.
struct KeySigner(PrivateKey);

#[async_trait::async_trait]
impl Signer for KeySigner {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn kind(&self) -> KeyKind {
        self.0.kind()
    }

    async fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, ConnectorError> {
        self.0.sign(message).map_err(|error| {
            ConnectorError::new(certctl_connector::ErrorClass::Internal, LOCAL_CA, "sign", error.to_string())
        })
    }
}

fn generate(kind: KeyKind) -> Result<PrivateKey> {
    PrivateKey::generate(kind).map_err(|error| Error::bug("making a key", error))
}

fn subject(name: &str) -> Result<Subject> {
    Subject::common_name(name).map_err(|error| Error::invalid("ca_common_name", error.to_string()))
}
