//! Certificates.

use certctl_wire::{
    Certificate, CertificateCreate, CertificateUpdate, CertificateVersion, Deploy, DeployAnswer, Deployments,
    IssueAnswer, Page, Renew, RenewAnswer, Why,
};

use super::api;
use crate::transport::Call;
use crate::{Client, Error, Query};

impl Client {
    /// One page of certificates.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_list(&self, query: Query) -> Result<Page<Certificate>, Error> {
        self.read(Call::get(api(["certificates"])).query(query)).await
    }

    /// One certificate.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate(&self, id: &str) -> Result<Certificate, Error> {
        self.read(Call::get(api(["certificates", id]))).await
    }

    /// Creates a certificate and asks nobody for it.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_create(&self, ask: &CertificateCreate) -> Result<Certificate, Error> {
        self.read(Call::post(api(["certificates"])).body(ask)?).await
    }

    /// Creates a certificate and has it issued: with the version when the issuer answered in time, else with the job alone.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_issue(&self, ask: &CertificateCreate) -> Result<IssueAnswer, Error> {
        let issue = Query::new().filter("issue", Some("true"));
        self.read(Call::post(api(["certificates"])).query(issue).body(ask)?).await
    }

    /// Changes a certificate; what is absent is kept. With `revision` only if it is still at that one.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_update(
        &self,
        id: &str,
        change: &CertificateUpdate,
        revision: Option<i64>,
    ) -> Result<Certificate, Error> {
        self.read(Call::put(api(["certificates", id])).if_revision(revision).body(change)?).await
    }

    /// Archives a certificate.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_archive(&self, id: &str) -> Result<(), Error> {
        self.done(Call::delete(api(["certificates", id]))).await
    }

    /// One page of what was issued for a certificate.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_versions(&self, id: &str, query: Query) -> Result<Page<CertificateVersion>, Error> {
        self.read(Call::get(api(["certificates", id, "versions"])).query(query)).await
    }

    /// Its targets, and what is served there.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_deployments(&self, id: &str) -> Result<Deployments, Error> {
        self.read(Call::get(api(["certificates", id, "deployments"]))).await
    }

    /// Has a certificate issued, for the first time or anew.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_renew(&self, id: &str, ask: &Renew) -> Result<RenewAnswer, Error> {
        self.read(Call::post(api(["certificates", id, "renew"])).body(ask)?).await
    }

    /// Has the current version installed, at one target or at all.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_deploy(&self, id: &str, ask: &Deploy) -> Result<DeployAnswer, Error> {
        self.read(Call::post(api(["certificates", id, "deploy"])).body(ask)?).await
    }

    /// Why a certificate is as it is, and what happens next.
    ///
    /// # Errors
    /// As every call.
    pub async fn certificate_why(&self, id: &str) -> Result<Why, Error> {
        self.read(Call::get(api(["certificates", id, "why"]))).await
    }
}
