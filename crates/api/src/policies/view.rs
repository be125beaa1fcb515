//! Renewal policies between the wire and the use cases.

use std::collections::BTreeMap;

use certctl_app::policies::{PolicyInput, defaults};
use certctl_domain::ids::PolicyId;
use certctl_domain::policy::RenewalPolicy;
use certctl_domain::refusal::Refusal;
use certctl_edge::Problem;
use certctl_pki::Timestamp;
use certctl_wire as wire;
use serde_json::{Value, json};

use crate::view::time;

/// A policy as it is shown.
pub(crate) fn policy(policy: &RenewalPolicy) -> wire::RenewalPolicy {
    let severities = policy.alert_severity_map.iter();
    wire::RenewalPolicy {
        id: policy.id.to_string(),
        name: policy.name.clone(),
        renewal_window_days: policy.renewal_window_days,
        auto_renew: policy.auto_renew,
        max_retries: policy.max_retries,
        retry_interval_seconds: policy.retry_interval_seconds,
        alert_thresholds_days: policy.alert_thresholds_days.clone(),
        alert_channels: policy.alert_channels.clone(),
        alert_severity_map: severities.map(|(days, tier)| (days.to_string(), tier.clone())).collect(),
        certificate_profile_id: policy.certificate_profile_id.as_ref().map(ToString::to_string),
        created_at: time(policy.created_at),
        updated_at: time(policy.updated_at),
        revision: policy.revision,
    }
}

/// What a new policy has where its creator says nothing, maps that are shown only when they hold something included.
pub(super) fn fresh() -> Value {
    let fresh = policy(&defaults(PolicyId::fixed("new"), Timestamp::UNIX_EPOCH));
    let mut fields = json!({ "alert_channels": {}, "alert_severity_map": {} });
    crate::shared::overlay(&mut fields, &fresh);
    fields
}

pub(super) fn new(body: wire::RenewalPolicyCreate) -> Result<PolicyInput, Problem> {
    Ok(PolicyInput {
        name: Some(body.name),
        renewal_window_days: body.renewal_window_days,
        auto_renew: body.auto_renew,
        max_retries: body.max_retries,
        retry_interval_seconds: body.retry_interval_seconds,
        alert_thresholds_days: body.alert_thresholds_days,
        alert_channels: body.alert_channels,
        alert_severity_map: severities(body.alert_severity_map)?,
        certificate_profile_id: body.certificate_profile_id,
    })
}

pub(super) fn change(body: wire::RenewalPolicyUpdate) -> Result<PolicyInput, Problem> {
    Ok(PolicyInput {
        name: body.name,
        renewal_window_days: body.renewal_window_days,
        auto_renew: body.auto_renew,
        max_retries: body.max_retries,
        retry_interval_seconds: body.retry_interval_seconds,
        alert_thresholds_days: body.alert_thresholds_days,
        alert_channels: body.alert_channels,
        alert_severity_map: severities(body.alert_severity_map)?,
        // Null removes the reference; the use case takes an empty text for that.
        certificate_profile_id: body.certificate_profile_id.map(Option::unwrap_or_default),
    })
}

/// The wire writes days as text, because they are the names of a JSON object.
fn severities(map: Option<BTreeMap<String, String>>) -> Result<Option<BTreeMap<u32, String>>, Problem> {
    let Some(map) = map else { return Ok(None) };
    let mut read = BTreeMap::new();
    for (days, tier) in map {
        let Ok(number) = days.parse() else {
            let field = format!("alert_severity_map.{days}");
            return Err(certctl_domain::refusal::Refusals::from(Refusal::invalid(field, "is no number of days")).into());
        };
        read.insert(number, tier);
    }
    Ok(Some(read))
}
