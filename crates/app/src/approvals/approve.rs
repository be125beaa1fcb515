//! A second person agrees.

use certctl_db::Unit;
use certctl_domain::approval::{Approval, ApprovalKind, ApprovalState};
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::ApprovalId;
use certctl_domain::permission::Permission;
use certctl_jobs::{Job, lease};

use super::{APPROVAL, decided, event, lost};
use crate::caller::Caller;
use crate::edit::Committed;
use crate::error::{Error, Result};
use crate::payload::IssuePayload;
use crate::profiles::{PROFILE, edit_digest};
use crate::world::App;

impl App {
    /// Approves a request. An issuance goes on where its key mode wants it: to whoever makes the CSR while there is none,
    /// else to the pipeline, which judges anew whether this approval fits what it is about to sign. An edit is applied, if the
    /// profile is still the one it was made against.
    ///
    /// # Errors
    /// Missing; decided, expired, or not to be decided by this person; `profile_moved` when the profile changed since;
    /// `job_moved` when the job no longer waits.
    pub async fn approval_approve(&self, caller: &Caller, id: &ApprovalId, note: Option<&str>) -> Result<Approval> {
        caller.require(Permission::ApprovalApprove)?;
        let stored = self.approval_to_decide(caller, id, note).await?;
        let approval = decided(stored, ApprovalState::Approved, caller, note, self.now());
        let mut unit = Unit::new();
        self.audit(&mut unit, caller, event(Action::ApprovalApproved, &approval));
        match approval.kind {
            ApprovalKind::CertIssuance => self.issuance_release(unit, approval).await,
            ApprovalKind::ProfileEdit => self.profile_edit_apply(caller, unit, approval).await,
        }
    }

    async fn issuance_release(&self, mut unit: Unit, approval: Approval) -> Result<Approval> {
        let job = self.approval_job(&approval).await?;
        certctl_store::approvals::decide(&mut unit, &approval);
        go_on(&mut unit, &job, self.now().unix_micros())?;
        match self.commit_edit(APPROVAL, unit).await? {
            Committed::Done => Ok(approval),
            Committed::Moved => Err(lost(&approval)),
        }
    }

    async fn profile_edit_apply(&self, caller: &Caller, mut unit: Unit, mut approval: Approval) -> Result<Approval> {
        let stored = self.profile(&approval.profile_id).await?;
        let payload = approval.payload.as_deref().unwrap_or_default();
        if stored.revision != approval.profile_revision {
            let message = format!(
                "profile {} is at revision {}, and the edit was made against {}; reject it and edit again",
                stored.rules.name, stored.revision, approval.profile_revision
            );
            return Err(Error::conflict("profile_moved", message));
        }
        if approval.digest != edit_digest(&stored.id, stored.revision, payload) {
            return Err(Error::internal("the proposed edit is not the one that was asked for"));
        }
        let rules = certctl_store::profiles::rules_from_json(payload)?;
        let profile = self.next_revision(stored, rules);
        approval.consumed_at = approval.decided_at;
        certctl_store::approvals::decide(&mut unit, &approval);
        self.profile_replace(&mut unit, &profile);
        let applied = Event::new(Action::ProfileEditApplied, &profile.id)
            .with("approval_id", approval.id.as_str())
            .with("requested_by", approval.requested_by.as_str())
            .with("revision", profile.revision);
        self.audit(&mut unit, caller, applied);
        match self.commit_edit(PROFILE, unit).await? {
            Committed::Done => {
                self.config_changed();
                Ok(approval)
            }
            Committed::Moved => Err(lost(&approval)),
        }
    }
}

/// Sends an approved issuance to where it goes on.
fn go_on(unit: &mut Unit, job: &Job, now: i64) -> Result<()> {
    if IssuePayload::read(job)?.csr.is_some() {
        lease::approve(unit, job, now);
    } else {
        lease::approve_and_await_csr(unit, job, now);
    }
    Ok(())
}
