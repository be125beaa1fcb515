//! A profile is edited, at once or after a second person agreed.

use certctl_db::Unit;
use certctl_domain::approval::{Approval, ApprovalKind, ApprovalState};
use certctl_domain::audit::{Action, Detail, Event};
use certctl_domain::ids::{ApprovalId, ProfileId};
use certctl_domain::permission::Permission;
use certctl_domain::profile::{Profile, ProfileRules};
use certctl_domain::refusal::Refusals;

use super::create::event;
use super::{PROFILE, ProfileInput};
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

/// What became of an edit.
#[derive(Debug, Clone)]
pub enum ProfileUpdated {
    /// It is in force.
    Applied(Profile),
    /// A second person must agree first.
    AwaitsApproval(Approval),
}

impl App {
    /// Changes what the input names and keeps the rest. Where the profile gates issuance, or would, the edit waits for a
    /// second person, bound to the revision it was made against.
    ///
    /// # Errors
    /// Missing; stale; all fields that cannot be rules; `name_taken`.
    pub async fn profile_update(
        &self,
        caller: &Caller,
        id: &ProfileId,
        expected: Option<i64>,
        input: ProfileInput,
    ) -> Result<ProfileUpdated> {
        caller.require(Permission::ProfileEdit)?;
        for _ in 0..edit::LOOKS {
            let stored = self.profile(id).await?;
            edit::expect(stored.revision, expected)?;
            let mut refusals = Refusals::new();
            let mut rules = stored.rules.clone();
            input.clone().apply(&mut rules, &mut refusals);
            edit::add_new(rules.check(), &mut refusals);
            refusals.into_result()?;
            if rules == stored.rules {
                return Ok(ProfileUpdated::Applied(stored));
            }
            if stored.rules.requires_approval || rules.requires_approval {
                return self.profile_edit_ask(caller, &stored, &rules).await.map(ProfileUpdated::AwaitsApproval);
            }
            let profile = self.next_revision(stored, rules);
            let mut unit = Unit::new();
            self.profile_replace(&mut unit, &profile);
            self.audit(&mut unit, caller, event(Action::ProfileUpdated, &profile));
            if self.commit_edit(PROFILE, unit).await? == Committed::Done {
                self.config_changed();
                return Ok(ProfileUpdated::Applied(profile));
            }
        }
        Err(edit::busy(PROFILE.what))
    }

    /// The profile with its next revision of rules.
    pub(crate) fn next_revision(&self, stored: Profile, rules: ProfileRules) -> Profile {
        Profile { rules, updated_at: self.now(), revision: stored.revision + 1, ..stored }
    }

    /// Declares the next revision of a profile, and wakes who keeps the last one.
    pub(crate) fn profile_replace(&self, unit: &mut Unit, profile: &Profile) {
        certctl_store::profiles::update(unit, profile);
        unit.wake(crate::cache::CONFIG);
    }

    async fn profile_edit_ask(&self, caller: &Caller, stored: &Profile, rules: &ProfileRules) -> Result<Approval> {
        let now = self.now();
        let payload = certctl_store::profiles::rules_to_json(rules);
        let approval = Approval {
            id: ApprovalId::new(self.ids().ulid()),
            kind: ApprovalKind::ProfileEdit,
            certificate_id: None,
            job_id: None,
            profile_id: stored.id.clone(),
            profile_revision: stored.revision,
            requested_by: caller.actor.id.clone(),
            requester_person: caller.person.clone(),
            excluded_person: None,
            state: ApprovalState::Pending,
            digest: edit_digest(&stored.id, stored.revision, &payload),
            metadata: vec![
                ("profile".to_owned(), stored.rules.name.clone()),
                ("base_revision".to_owned(), stored.revision.to_string()),
            ],
            payload: Some(payload.clone()),
            decided_by: None,
            decider_person: None,
            decided_at: None,
            decision_note: None,
            consumed_at: None,
            expires_at: now + self.settings().approval_timeout,
            created_at: now,
            updated_at: now,
        };
        let mut unit = Unit::new();
        certctl_store::approvals::insert(&mut unit, &approval);
        let event = Event::new(Action::ProfileEditRequested, &approval.id)
            .with("profile_id", stored.id.as_str())
            .with("base_revision", stored.revision)
            .with("digest", approval.digest.as_str())
            .with("body", Detail::Json(payload));
        self.audit(&mut unit, caller, event);
        self.announce(&mut unit, "approval.requested", approval.id.as_str());
        self.commit_new(PROFILE, unit).await?;
        Ok(approval)
    }
}

/// What an approval of an edit is bound to: the profile, the revision it was made against, and every word of the proposal.
pub(crate) fn edit_digest(id: &ProfileId, revision: i64, payload: &str) -> String {
    crate::hash::sha256_hex(format!("profile {id}\nrevision {revision}\n{payload}").as_bytes())
}
