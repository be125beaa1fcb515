//! Reading certificates.

use std::collections::HashMap;

use certctl_domain::certificate::{Certificate, RenewalState, Status, Version};
use certctl_domain::ids::{CertificateId, TargetId};
use certctl_domain::permission::Permission;
use certctl_pki::Timestamp;
use certctl_store::certificates::{After, Facts, Filter, Page, Total, sort_value};

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

/// A certificate with everything a person sees of it.
#[derive(Debug, Clone)]
pub struct CertificateView {
    /// The record.
    pub certificate: Certificate,
    /// What it is now.
    pub status: Status,
    /// How its next issuance stands.
    pub renewal_state: RenewalState,
    /// When it is renewed by itself.
    pub renew_at: Option<Timestamp>,
    /// Its targets, in order.
    pub target_ids: Vec<TargetId>,
}

/// One page of certificates.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The rows.
    pub rows: Vec<CertificateView>,
    /// Where the next page starts, if there is one.
    pub next: Option<(After, CertificateId)>,
    /// How many match altogether.
    pub total: Total,
    /// When the total was counted, where that was not now.
    pub total_as_of: Option<Timestamp>,
}

/// Versions of a certificate.
#[derive(Debug, Clone)]
pub struct Versions {
    /// The rows, newest first.
    pub rows: Vec<Version>,
    /// How many there are.
    pub total: u64,
}

impl App {
    /// One page of certificates. With `exact` the total is counted to the end, whatever it costs.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub async fn certificate_list(
        &self,
        caller: &Caller,
        filter: &Filter,
        page: &Page,
        exact: bool,
    ) -> Result<Certificates> {
        caller.require(Permission::CertRead)?;
        let now = self.now();
        let mut rows = certctl_store::certificates::page(self.db(), filter, page, now).await?;
        let more = rows.len() as u64 > page.limit;
        rows.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        let (total, total_as_of) = self.certificate_total(filter, exact).await?;
        let rows = self.certificate_views(rows, now).await?;
        let next = rows
            .last()
            .filter(|_| more)
            .map(|view| (sort_value(page.sort, &view.certificate, view.status), view.certificate.id.clone()));
        Ok(Certificates { rows, next, total, total_as_of })
    }

    async fn certificate_total(&self, filter: &Filter, exact: bool) -> Result<(Total, Option<Timestamp>)> {
        let only_status = Filter { status: filter.status, ..Filter::default() };
        if let (Some(status), false, true) = (filter.status, exact, *filter == only_status) {
            let (counts, at) = self.certificate_statuses().await?;
            let total = Total { count: counts.get(&status).copied().unwrap_or(0), at_least: false };
            return Ok((total, Some(at)));
        }
        Ok((certctl_store::certificates::total(self.db(), filter, exact, self.now()).await?, None))
    }

    /// How many certificates have each status, from one query at most [`crate::cache::STATUS_LIFE`] old, and when that was.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn certificate_statuses(&self) -> Result<(HashMap<Status, u64>, Timestamp)> {
        if let Some((counts, at)) = self.caches().statuses.get(&()) {
            return Ok((counts, at));
        }
        let now = self.now();
        let counts = certctl_store::certificates::statuses(self.db(), now).await?;
        self.caches().statuses.insert((), (counts.clone(), now));
        Ok((counts, now))
    }

    /// One certificate.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn certificate_get(&self, caller: &Caller, id: &CertificateId) -> Result<CertificateView> {
        caller.require(Permission::CertRead)?;
        let certificate = self.certificate_known(id).await?;
        self.certificate_view(certificate).await
    }

    /// What a person sees of a certificate that was just read or written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn certificate_view(&self, certificate: Certificate) -> Result<CertificateView> {
        let id = certificate.id.clone();
        let views = self.certificate_views(vec![certificate], self.now()).await?;
        views.into_iter().next().ok_or_else(|| Error::missing("certificate", &id))
    }

    /// What a person sees of a certificate whose first version was issued this moment by the request that created it: no
    /// question to the database is needed.
    #[must_use]
    pub fn certificate_view_fresh(
        &self,
        certificate: Certificate,
        renew_at: Option<Timestamp>,
        target_ids: Vec<TargetId>,
    ) -> CertificateView {
        let work = certctl_domain::certificate::OpenWork::default();
        let status = certificate.status(self.now(), false, work);
        let renewal_state = certificate.renewal_state(work);
        CertificateView { certificate, status, renewal_state, renew_at, target_ids }
    }

    async fn certificate_views(&self, rows: Vec<Certificate>, now: Timestamp) -> Result<Vec<CertificateView>> {
        let ids: Vec<CertificateId> = rows.iter().map(|certificate| certificate.id.clone()).collect();
        let mut facts = certctl_store::certificates::work_of(self.db(), &ids, now).await?;
        Ok(rows
            .into_iter()
            .map(|certificate| {
                let Facts { work, all_revoked, renew_at, target_ids } =
                    facts.remove(&certificate.id).unwrap_or_default();
                let status = certificate.status(now, all_revoked, work);
                let renewal_state = certificate.renewal_state(work);
                CertificateView { certificate, status, renewal_state, renew_at, target_ids }
            })
            .collect())
    }

    /// Issued versions of a certificate, newest first.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub async fn certificate_versions(
        &self,
        caller: &Caller,
        id: &CertificateId,
        offset: u64,
        limit: u64,
    ) -> Result<Versions> {
        caller.require(Permission::CertRead)?;
        self.certificate_known(id).await?;
        let (rows, total) = certctl_store::versions::page(self.db(), id, offset, limit).await?;
        Ok(Versions { rows, total })
    }

    /// A certificate that exists.
    pub(crate) async fn certificate_known(&self, id: &CertificateId) -> Result<Certificate> {
        certctl_store::certificates::get(self.db(), id).await?.ok_or_else(|| Error::missing("certificate", id))
    }

    /// A certificate that exists and is managed.
    pub(crate) async fn certificate_live(&self, id: &CertificateId) -> Result<Certificate> {
        let certificate = self.certificate_known(id).await?;
        if certificate.archived_at.is_some() {
            return Err(Error::refused("id", format!("certificate {id} is archived; create another one")));
        }
        Ok(certificate)
    }
}
