//! Renewal policies.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::{PolicyId, ProfileId};
use certctl_domain::policy::RenewalPolicy;
use sea_orm::EntityTrait;

use crate::convert::{self, to_json};
use crate::entities::renewal_policies::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};
use crate::references::{self, References};
use crate::remove;

/// The policy with this id.
pub async fn get(db: &Db, id: &PolicyId) -> Result<Option<RenewalPolicy>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// Policies, oldest first.
pub async fn list(db: &Db, window: &Window) -> Result<Listed<RenewalPolicy>, DbError> {
    let by = ByTime::oldest_first(Column::CreatedAt, Column::Id);
    list::page(db, Entity::find(), by, window, |row| (row.created_at, row.id.clone()), read).await
}

/// Certificates under the policy.
pub async fn references(db: &Db, id: &PolicyId) -> Result<References, DbError> {
    references::count(db, id.as_str(), &[("certificates", "certificates", "renewal_policy_id")]).await
}

/// Adds a policy.
pub fn insert(unit: &mut Unit, policy: &RenewalPolicy) {
    unit.insert(&row(policy));
}

/// Adds a policy unless one with its id or name exists.
pub fn insert_if_absent(unit: &mut Unit, policy: &RenewalPolicy) {
    unit.insert_or_ignore(&row(policy));
}

/// Writes a policy whose stored revision is the one before.
pub fn update(unit: &mut Unit, policy: &RenewalPolicy) {
    let row = row(policy);
    unit.change(
        Change::of::<Entity>("renewal policy", &policy.id)
            .key(Column::Id, row.id)
            .expect(Column::Revision, row.revision - 1)
            .set(Column::Name, row.name)
            .set(Column::RenewalWindowDays, row.renewal_window_days)
            .set(Column::AutoRenew, row.auto_renew)
            .set(Column::MaxRetries, row.max_retries)
            .set(Column::RetryIntervalSeconds, row.retry_interval_seconds)
            .set(Column::AlertThresholdsDays, row.alert_thresholds_days)
            .set(Column::AlertChannels, row.alert_channels)
            .set(Column::AlertSeverityMap, row.alert_severity_map)
            .set(Column::CertificateProfileId, row.certificate_profile_id)
            .set(Column::UpdatedAt, row.updated_at)
            .set(Column::Revision, row.revision),
    );
}

/// Deletes a policy whose stored revision is this one.
pub fn delete(unit: &mut Unit, policy: &RenewalPolicy) {
    let (id, revision) = ((Column::Id, policy.id.as_str()), (Column::Revision, policy.revision));
    remove::at_revision::<Entity, _>(unit, "renewal policy", id, revision);
}

fn row(policy: &RenewalPolicy) -> Model {
    Model {
        id: policy.id.to_string(),
        name: policy.name.clone(),
        renewal_window_days: i64::from(policy.renewal_window_days),
        auto_renew: policy.auto_renew,
        max_retries: i64::from(policy.max_retries),
        retry_interval_seconds: i64::from(policy.retry_interval_seconds),
        alert_thresholds_days: to_json(&policy.alert_thresholds_days),
        alert_channels: to_json(&policy.alert_channels),
        alert_severity_map: to_json(&policy.alert_severity_map),
        certificate_profile_id: policy.certificate_profile_id.as_ref().map(ToString::to_string),
        created_at: policy.created_at.unix_micros(),
        updated_at: policy.updated_at.unix_micros(),
        revision: policy.revision,
    }
}

fn read(row: Model) -> Result<RenewalPolicy, DbError> {
    Ok(RenewalPolicy {
        id: convert::id("renewal_policies", "id", &row.id, PolicyId::parse)?,
        name: row.name,
        renewal_window_days: convert::small("renewal_policies", "renewal_window_days", row.renewal_window_days)?,
        auto_renew: row.auto_renew,
        max_retries: convert::small("renewal_policies", "max_retries", row.max_retries)?,
        retry_interval_seconds: convert::small(
            "renewal_policies",
            "retry_interval_seconds",
            row.retry_interval_seconds,
        )?,
        alert_thresholds_days: convert::json("renewal_policies", "alert_thresholds_days", &row.alert_thresholds_days)?,
        alert_channels: convert::json("renewal_policies", "alert_channels", &row.alert_channels)?,
        alert_severity_map: convert::json("renewal_policies", "alert_severity_map", &row.alert_severity_map)?,
        certificate_profile_id: convert::id_opt(
            "renewal_policies",
            "certificate_profile_id",
            row.certificate_profile_id.as_deref(),
            ProfileId::parse,
        )?,
        created_at: convert::time(row.created_at),
        updated_at: convert::time(row.updated_at),
        revision: row.revision,
    })
}
