//! Renewal policies: when a certificate is renewed, how failures are repeated, whom an expiry alarms.

use std::collections::BTreeMap;

use certctl_pki::Timestamp;

use crate::ids::{PolicyId, ProfileId};
use crate::ownership::check_name;
use crate::refusal::{Refusal, Refusals};

/// When and how certificates are renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalPolicy {
    /// Its id.
    pub id: PolicyId,
    /// Unique name.
    pub name: String,
    /// Longest lead before expiry, in days (1 to 365).
    pub renewal_window_days: u32,
    /// Whether renewals start without a person.
    pub auto_renew: bool,
    /// Attempts after the first (0 to 10).
    pub max_retries: u32,
    /// First pause between attempts, in seconds (60 to 86400).
    pub retry_interval_seconds: u32,
    /// Days before expiry at which to alarm (each 0 to 365).
    pub alert_thresholds_days: Vec<u32>,
    /// Severity tier to channels.
    pub alert_channels: BTreeMap<String, Vec<String>>,
    /// Days to severity tier.
    pub alert_severity_map: BTreeMap<u32, String>,
    /// Profile the policy belongs to, if any.
    pub certificate_profile_id: Option<ProfileId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub revision: i64,
}

/// The tiers of an alert.
pub const TIERS: [&str; 3] = ["informational", "warning", "critical"];
/// The channels an alert may name.
pub const CHANNELS: [&str; 6] = ["Email", "Webhook", "Slack", "Teams", "PagerDuty", "OpsGenie"];

impl RenewalPolicy {
    /// Checks every bound.
    ///
    /// # Errors
    /// All fields outside their bounds.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut refusals = Refusals::new();
        check_name("name", &self.name, &mut refusals);
        bounds("renewal_window_days", self.renewal_window_days, 1, 365, &mut refusals);
        bounds("max_retries", self.max_retries, 0, 10, &mut refusals);
        bounds("retry_interval_seconds", self.retry_interval_seconds, 60, 86_400, &mut refusals);
        for (index, days) in self.alert_thresholds_days.iter().enumerate() {
            bounds(&format!("alert_thresholds_days[{index}]"), *days, 0, 365, &mut refusals);
        }
        for (tier, channels) in &self.alert_channels {
            check_word(&format!("alert_channels.{tier}"), tier, &TIERS, &mut refusals);
            for channel in channels {
                check_word(&format!("alert_channels.{tier}"), channel, &CHANNELS, &mut refusals);
            }
        }
        for (days, tier) in &self.alert_severity_map {
            check_word(&format!("alert_severity_map.{days}"), tier, &TIERS, &mut refusals);
        }
        refusals.into_result()
    }
}

fn bounds(field: &str, value: u32, low: u32, high: u32, refusals: &mut Refusals) {
    if value < low || value > high {
        refusals.push(Refusal::invalid(field, format!("{value} is outside {low} to {high}")));
    }
}

fn check_word(field: &str, word: &str, allowed: &[&str], refusals: &mut Refusals) {
    if !allowed.contains(&word) {
        refusals.push(Refusal::invalid(field, format!("{word:?} is unknown; use one of {}", allowed.join(", "))));
    }
}
