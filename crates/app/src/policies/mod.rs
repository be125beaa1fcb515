//! Renewal policies: when certificates are renewed.

mod create;
mod delete;
mod read;
mod replan;
mod update;

use std::collections::BTreeMap;

use certctl_domain::ids::ProfileId;
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::refusal::Refusals;

use crate::edit::{self, Subject};
use crate::error::Result;
use crate::world::App;

pub use create::defaults;

pub(crate) use create::event;
pub(crate) use replan::REPLAN;

pub(crate) const POLICY: Subject = Subject { what: "renewal policy", table: "renewal_policies" };

/// What a person says about a renewal policy; what is left out keeps its value, or gets its default.
#[derive(Debug, Clone, Default)]
pub struct PolicyInput {
    /// Unique name.
    pub name: Option<String>,
    /// Longest lead before expiry, in days.
    pub renewal_window_days: Option<u32>,
    /// Whether renewals start without a person.
    pub auto_renew: Option<bool>,
    /// Attempts after the first.
    pub max_retries: Option<u32>,
    /// First pause between attempts, in seconds.
    pub retry_interval_seconds: Option<u32>,
    /// Days before expiry at which to alarm.
    pub alert_thresholds_days: Option<Vec<u32>>,
    /// Severity tier to channels.
    pub alert_channels: Option<BTreeMap<String, Vec<String>>>,
    /// Days to severity tier.
    pub alert_severity_map: Option<BTreeMap<u32, String>>,
    /// Profile the policy belongs to; empty for none.
    pub certificate_profile_id: Option<String>,
}

impl PolicyInput {
    /// Writes what the input names over `policy`; the profile is judged apart, because it must exist.
    fn apply(self, policy: &mut RenewalPolicy, refusals: &mut Refusals) {
        set(&mut policy.name, self.name);
        set(&mut policy.renewal_window_days, self.renewal_window_days);
        set(&mut policy.auto_renew, self.auto_renew);
        set(&mut policy.max_retries, self.max_retries);
        set(&mut policy.retry_interval_seconds, self.retry_interval_seconds);
        set(&mut policy.alert_thresholds_days, self.alert_thresholds_days);
        set(&mut policy.alert_channels, self.alert_channels);
        set(&mut policy.alert_severity_map, self.alert_severity_map);
        if let Some(text) = self.certificate_profile_id {
            let named = !text.is_empty();
            policy.certificate_profile_id =
                if named { edit::reference("certificate_profile_id", &text, refusals) } else { None };
        }
    }
}

impl App {
    async fn policy_check(&self, policy: &RenewalPolicy, refusals: &mut Refusals) -> Result<()> {
        if let Err(found) = policy.check() {
            refusals.0.extend(found.0);
        }
        let Some(profile) = &policy.certificate_profile_id else { return Ok(()) };
        if !self.profile_exists(profile).await? {
            refusals.push(edit::unknown("certificate_profile_id", "profile", profile));
        }
        Ok(())
    }

    pub(crate) async fn profile_exists(&self, id: &ProfileId) -> Result<bool> {
        let profile = certctl_store::profiles::get(self.db(), id).await?;
        Ok(profile.is_some())
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
