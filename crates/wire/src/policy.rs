//! Renewal policies: when a certificate is renewed, how failures are repeated, whom an expiry alarms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::body::nullable;

/// When and how certificates are renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewalPolicy {
    /// Its id.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Longest lead before expiry, in days.
    pub renewal_window_days: u32,
    /// Whether renewals start without a person.
    pub auto_renew: bool,
    /// Attempts after the first.
    pub max_retries: u32,
    /// First pause between attempts, in seconds.
    pub retry_interval_seconds: u32,
    /// Days before expiry at which to alarm.
    #[serde(default)]
    pub alert_thresholds_days: Vec<u32>,
    /// Severity tier to channels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alert_channels: BTreeMap<String, Vec<String>>,
    /// Days, as text, to severity tier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alert_severity_map: BTreeMap<String, String>,
    /// Profile the policy belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_profile_id: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Counts its changes; the ETag is made of it.
    pub revision: i64,
}

request! {
    /// Body of `POST /api/v1/renewal-policies`. What is absent takes the default of a new policy.
    RenewalPolicyCreate {
        /// An unused id; absent to have one made from the name.
        id: Option<String>,
        /// Unique name; required.
        name: String,
        /// Longest lead before expiry, in days (1 to 365).
        renewal_window_days: Option<u32>,
        /// Whether renewals start without a person.
        auto_renew: Option<bool>,
        /// Attempts after the first (0 to 10).
        max_retries: Option<u32>,
        /// First pause between attempts, in seconds (60 to 86400).
        retry_interval_seconds: Option<u32>,
        /// Days before expiry at which to alarm (each 0 to 365).
        alert_thresholds_days: Option<Vec<u32>>,
        /// Severity tier to channels.
        alert_channels: Option<BTreeMap<String, Vec<String>>>,
        /// Days, as text, to severity tier.
        alert_severity_map: Option<BTreeMap<String, String>>,
        /// Profile the policy belongs to.
        certificate_profile_id: Option<String>,
    }
    server_owned ["created_at", "updated_at", "revision"]
}

request! {
    /// Body of `PUT` and `PATCH /api/v1/renewal-policies/{id}`: what is absent is kept.
    RenewalPolicyUpdate {
        /// Unique name.
        name: Option<String>,
        /// Longest lead before expiry, in days (1 to 365).
        renewal_window_days: Option<u32>,
        /// Whether renewals start without a person.
        auto_renew: Option<bool>,
        /// Attempts after the first (0 to 10).
        max_retries: Option<u32>,
        /// First pause between attempts, in seconds (60 to 86400).
        retry_interval_seconds: Option<u32>,
        /// Days before expiry at which to alarm (each 0 to 365).
        alert_thresholds_days: Option<Vec<u32>>,
        /// Severity tier to channels.
        alert_channels: Option<BTreeMap<String, Vec<String>>>,
        /// Days, as text, to severity tier.
        alert_severity_map: Option<BTreeMap<String, String>>,
        /// Profile the policy belongs to; null removes it.
        #[serde(deserialize_with = "nullable")]
        certificate_profile_id: Option<Option<String>>,
    }
    server_owned ["id", "created_at", "updated_at", "revision"]
}
