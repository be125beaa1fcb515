//! A renewal policy is created.

use std::collections::BTreeMap;

use certctl_db::Unit;
use certctl_domain::audit::{Action, Event};
use certctl_domain::ids::PolicyId;
use certctl_domain::permission::Permission;
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::refusal::Refusals;
use certctl_pki::Timestamp;

use super::{POLICY, PolicyInput};
use crate::caller::Caller;
use crate::edit;
use crate::error::Result;
use crate::world::App;

impl App {
    /// Creates a renewal policy under the id the caller brought, or a fresh one.
    ///
    /// # Errors
    /// All fields outside their bounds; an unknown profile; `id_taken` or `name_taken`.
    pub async fn policy_create(&self, caller: &Caller, id: Option<&str>, input: PolicyInput) -> Result<RenewalPolicy> {
        caller.require(Permission::PolicyEdit)?;
        let mut refusals = Refusals::new();
        let id = edit::id_or(id, || PolicyId::new(self.ids().ulid()), &mut refusals);
        let mut policy = defaults(id, self.now());
        input.apply(&mut policy, &mut refusals);
        self.policy_check(&policy, &mut refusals).await?;
        refusals.into_result()?;
        let mut unit = Unit::new();
        certctl_store::policies::insert(&mut unit, &policy);
        self.audit(&mut unit, caller, event(Action::PolicyCreated, &policy));
        self.commit_new(POLICY, unit).await?;
        Ok(policy)
    }
}

/// What a policy has where its creator says nothing.
#[must_use]
pub fn defaults(id: PolicyId, now: Timestamp) -> RenewalPolicy {
    RenewalPolicy {
        id,
        name: String::new(),
        renewal_window_days: 30,
        auto_renew: true,
        max_retries: 3,
        retry_interval_seconds: 3600,
        alert_thresholds_days: vec![30, 14, 7, 0],
        alert_channels: BTreeMap::new(),
        alert_severity_map: BTreeMap::new(),
        certificate_profile_id: None,
        created_at: now,
        updated_at: now,
        revision: 1,
    }
}

pub(crate) fn event(action: Action, policy: &RenewalPolicy) -> Event {
    let thresholds: Vec<String> = policy.alert_thresholds_days.iter().map(ToString::to_string).collect();
    let channels: Vec<String> =
        policy.alert_channels.iter().map(|(tier, list)| format!("{tier}={}", list.join("+"))).collect();
    let severities: Vec<String> =
        policy.alert_severity_map.iter().map(|(days, tier)| format!("{days}={tier}")).collect();
    Event::new(action, &policy.id)
        .with("name", policy.name.as_str())
        .with("renewal_window_days", policy.renewal_window_days)
        .with("auto_renew", policy.auto_renew)
        .with("max_retries", policy.max_retries)
        .with("retry_interval_seconds", policy.retry_interval_seconds)
        .with("alert_thresholds_days", thresholds)
        .with("alert_channels", channels)
        .with("alert_severity_map", severities)
        .with_some("certificate_profile_id", policy.certificate_profile_id.as_ref().map(|id| id.as_str()))
        .with("revision", policy.revision)
}
