//! The planner: finds identities whose time to renew has come, and adds the job. It never trusts itself to be the last to
//! look: an identity that was planned is looked at again later, so no lost job can end a certificate's life.

use std::time::Duration;

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::certificate::{Holder, Identity};
use certctl_pki::{Csr, Timestamp};

use super::{BATCH, Report, readable};
use crate::caller::Caller;
use crate::certificates::Start;
use crate::error::{Error, Result};
use crate::world::App;

const LOOP: &str = "renewal";
/// Longest time after which a planned renewal is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);
const LOOK_AGAIN_LEAST: Duration = Duration::from_secs(5);

impl App {
    /// One pass of the planner.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be asked.
    pub async fn renewal_pass(&self) -> Result<Report> {
        let now = self.now();
        let due = certctl_store::identities::due(self.db(), now, self.places().take(LOOP).as_ref(), BATCH).await?;
        let mut report = Report::over(due.len());
        let plans = due.iter().map(async |due| self.renewal_plan(readable(&due.row)?, now).await);
        for (due, planned) in due.iter().zip(futures::future::join_all(plans).await) {
            report.count("planning the renewal of", &due.place, planned)?;
        }
        self.places().walked(LOOP, &due);
        Ok(report)
    }

    /// Plans one identity; true when a job was added.
    async fn renewal_plan(&self, identity: &Identity, now: Timestamp) -> Result<bool> {
        let caller = Caller::system("scheduler");
        let certificate = certctl_store::certificates::get(self.db(), &identity.certificate_id).await?;
        let certificate = certificate.ok_or_else(|| Error::missing("certificate", &identity.certificate_id))?;
        let mut unit = Unit::new();
        let gone = certificate.archived_at.is_some() || certificate.revoked_at.is_some();
        let policy = self.policy_for_issue(&certificate.renewal_policy_id).await?;
        if gone || !policy.auto_renew {
            certctl_store::identities::plan(&mut unit, identity, None);
            self.commit_or_moved(unit).await?;
            return Ok(false);
        }
        certctl_store::identities::plan(&mut unit, identity, Some(look_again(identity, now)));
        if self.open_issuance(&certificate.id, &identity.holder).await?.is_some() {
            self.commit_or_moved(unit).await?;
            return Ok(false);
        }
        let profile = match self.profile_for_issue(certificate.certificate_profile_id.as_ref()).await {
            Ok(profile) => profile,
            Err(Error::Refused(refusals)) => {
                certctl_store::certificates::record_failure(&mut unit, &certificate.id, &refusals.summary(), now);
                self.announce(&mut unit, "renewal.failing", certificate.id.as_str());
                self.commit_or_moved(unit).await?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let again = match (&identity.holder, profile.rules.allow_key_reuse) {
            (Holder::External, true) => self.last_request(identity).await?,
            (Holder::External, false) | (Holder::Agent(_), _) => None,
        };
        let start =
            Start { certificate: &certificate, identity, policy: &policy, profile: &profile, csr: again.as_ref() };
        let job = self.issuance_enqueue(&mut unit, &caller, &start);
        if identity.holder == Holder::External && again.is_none() {
            self.announce(&mut unit, "renewal.needs_csr", certificate.id.as_str());
        }
        let event = Event::new(Action::RenewalPlanned, &certificate.id)
            .with("job_id", job.as_str())
            .with("holder", identity.holder.as_str())
            .with_some("not_after", identity.not_after.map(Timestamp::to_rfc3339));
        self.audit(&mut unit, &caller, event);
        self.commit_or_moved(unit).await
    }

    /// The request the current version answers, where the profile lets it be used again.
    async fn last_request(&self, identity: &Identity) -> Result<Option<Csr>> {
        let Some(id) = &identity.current_version_id else { return Ok(None) };
        let version = certctl_store::versions::get(self.db(), id).await?;
        Ok(version.and_then(|version| version.csr).and_then(|der| Csr::parse_der(&der).ok()))
    }
}

fn look_again(identity: &Identity, now: Timestamp) -> Timestamp {
    let left = identity.not_after.map_or(LOOK_AGAIN, |end| end.duration_since(now));
    now + (left / 4).clamp(LOOK_AGAIN_LEAST, LOOK_AGAIN)
}
