//! Intents whose end is not on record: the process died between reserving and committing. Work that is still open resolves
//! them itself; what is left belongs to nobody and is voided. Nobody ever received a certificate for such a serial.

use std::time::Duration;

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::Version;

use super::{BATCH, Report};
use crate::caller::Caller;
use crate::error::Result;
use crate::world::App;

/// An intent this old without open work is nobody's.
const ORPHANED_AFTER: Duration = Duration::from_secs(120);

impl App {
    /// One pass over old intents.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database cannot be asked.
    pub async fn reserved_pass(&self) -> Result<Report> {
        let old = certctl_store::versions::reserved_orphans(self.db(), self.now() - ORPHANED_AFTER, BATCH).await?;
        let mut report = Report::over(old.len());
        for version in &old {
            report.count("voiding version", &version.id, self.reserved_void(version).await)?;
        }
        Ok(report)
    }

    /// Voids one; false when somebody was first.
    async fn reserved_void(&self, version: &Version) -> Result<bool> {
        let reason = "its work ended before a signature was recorded";
        let mut unit = Unit::new();
        self.void_into(&mut unit, version, reason);
        self.commit_or_moved(unit).await
    }

    /// Voids an intent and says so.
    pub(crate) fn void_into(&self, unit: &mut Unit, version: &Version, reason: &str) {
        certctl_store::versions::void(unit, &version.id, reason);
        self.audit_voided(unit, version, reason);
    }

    pub(crate) fn audit_voided(&self, unit: &mut Unit, version: &Version, reason: &str) {
        let event = Event::new(Action::VersionVoided, &version.id)
            .with("reason", reason)
            .with_some("certificate_id", version.certificate_id.as_ref().map(|id| id.as_str()))
            .with_some("serial", version.serial.as_ref().map(certctl_pki::Serial::to_hex));
        self.audit(unit, &Caller::system("reconcile"), event);
    }
}
