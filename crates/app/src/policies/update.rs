//! A renewal policy is edited; certificates under it are planned anew.

use certctl_db::Unit;
use certctl_domain::audit::Action;
use certctl_domain::ids::PolicyId;
use certctl_domain::permission::Permission;
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::refusal::Refusals;

use super::create::event;
use super::{POLICY, PolicyInput};
use crate::caller::Caller;
use crate::edit::{self, Committed};
use crate::error::Result;
use crate::world::App;

impl App {
    /// Changes what the input names and keeps the rest.
    ///
    /// # Errors
    /// Missing; stale; all fields outside their bounds; an unknown profile; `name_taken`.
    pub async fn policy_update(
        &self,
        caller: &Caller,
        id: &PolicyId,
        expected: Option<i64>,
        input: PolicyInput,
    ) -> Result<RenewalPolicy> {
        caller.require(Permission::PolicyEdit)?;
        for _ in 0..edit::LOOKS {
            let stored = self.policy(id).await?;
            edit::expect(stored.revision, expected)?;
            let mut refusals = Refusals::new();
            let mut policy = stored.clone();
            input.clone().apply(&mut policy, &mut refusals);
            self.policy_check(&policy, &mut refusals).await?;
            refusals.into_result()?;
            if policy == stored {
                return Ok(stored);
            }
            policy.revision += 1;
            policy.updated_at = self.now();
            let mut unit = Unit::new();
            certctl_store::policies::update(&mut unit, &policy);
            self.audit(&mut unit, caller, event(Action::PolicyUpdated, &policy));
            if plans_otherwise(&stored, &policy) {
                self.replan_enqueue(&mut unit, &policy);
            }
            unit.wake(crate::cache::CONFIG);
            if self.commit_edit(POLICY, unit).await? == Committed::Done {
                self.config_changed();
                return Ok(policy);
            }
        }
        Err(edit::busy(POLICY.what))
    }
}

fn plans_otherwise(before: &RenewalPolicy, after: &RenewalPolicy) -> bool {
    before.auto_renew != after.auto_renew || before.renewal_window_days != after.renewal_window_days
}
