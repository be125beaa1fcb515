//! Ending the management of a certificate.

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::CertificateId;
use certctl_domain::permission::Permission;
use certctl_jobs::lease::{self, Failure};

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::world::App;

impl App {
    /// Archives a certificate: nobody renews it any more, and its open jobs end. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Stale`]; [`Error::Conflict`] while it is installed at active targets and `force` is not
    /// given.
    pub async fn certificate_archive(
        &self,
        caller: &Caller,
        id: &CertificateId,
        if_match: Option<i64>,
        force: bool,
    ) -> Result<()> {
        caller.require(Permission::CertDelete)?;
        let before = self.certificate_known(id).await?;
        if if_match.is_some_and(|revision| revision != before.revision) {
            return Err(Error::Stale { current: before.revision });
        }
        if before.archived_at.is_some() {
            return Ok(());
        }
        let mappings = self.certificate_targets(caller, id).await?;
        let active: Vec<String> =
            mappings.iter().filter(|(_, target)| target.is_active()).map(|(_, target)| target.id.to_string()).collect();
        if !active.is_empty() && !force {
            let message =
                format!("it is installed at {}; unmap the targets, or archive with force=true", active.join(", "));
            return Err(Error::Conflict {
                code: "has_active_targets",
                message,
                details: vec![("active_targets".to_owned(), active.len().to_string())],
            });
        }
        let now = self.now();
        let mut after = before.clone();
        after.archived_at = Some(now);
        after.updated_at = now;
        after.revision += 1;
        let mut unit = Unit::new();
        certctl_store::certificates::update(&mut unit, &before, &after);
        for identity in certctl_store::identities::of_certificate(self.db(), id).await? {
            certctl_store::identities::replan(&mut unit, &identity, None);
        }
        let reason = Failure { class: "cancelled".to_owned(), error: "the certificate was archived".to_owned() };
        for job in certctl_jobs::open_of_certificates(self.db(), &[id.to_string()]).await? {
            if job.lease_until.is_some() {
                lease::request_cancel(&mut unit, &job.fence());
            } else {
                lease::cancel(&mut unit, &job.fence(), &reason, now.unix_micros());
                self.approval_withdraw(&mut unit, caller, &job, &reason.error).await?;
            }
        }
        self.audit(
            &mut unit,
            caller,
            Event::new(Action::CertificateArchived, id).with("force", force).with("revision", after.revision),
        );
        self.commit(unit).await
    }
}
