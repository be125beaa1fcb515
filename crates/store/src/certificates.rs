//! Managed certificates.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::certificate::{Certificate, Version};
use certctl_domain::ids::{CertificateId, IssuerId, OwnerId, PolicyId, ProfileId, TeamId};
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait};

use crate::convert::{id, id_opt, json, map_json, micros, micros_opt, sans, sans_json, small, time, time_opt};
use crate::entities::certificate_identities;
use crate::entities::certificates::{Column, Entity, Model};

pub use page::{After, COUNT_LIMIT, Facts, Filter, Page, Sort, Total, page, sort_value, total, work_of};
pub use status::statuses;

mod page;
mod status;

const TABLE: &str = "certificates";
const ENTITY: &str = "certificate";

/// The certificate with this id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, id: &CertificateId) -> Result<Option<Certificate>, DbError> {
    let row = Entity::find_by_id(id.as_str()).one(db.read()).await.map_err(DbError::from)?;
    row.map(TryInto::try_into).transpose()
}

/// Adds a certificate, and counts it.
pub fn insert(unit: &mut Unit, certificate: &Certificate) {
    unit.insert(&Model::from(certificate));
    count(unit, certificate, 1);
}

/// Writes everything a person may edit. Fails with `Moved` when the stored revision is not one below the new one.
pub fn update(unit: &mut Unit, before: &Certificate, after: &Certificate) {
    let row = Model::from(after);
    unit.change(
        Change::of::<Entity>(ENTITY, &after.id)
            .key(Column::Id, row.id)
            .expect(Column::Revision, before.revision)
            .set(Column::Name, row.name)
            .set(Column::CommonName, row.common_name)
            .set(Column::Sans, row.sans)
            .set(Column::Environment, row.environment)
            .set(Column::OwnerId, row.owner_id)
            .set(Column::TeamId, row.team_id)
            .set(Column::IssuerId, row.issuer_id)
            .set(Column::RenewalPolicyId, row.renewal_policy_id)
            .set(Column::CertificateProfileId, row.certificate_profile_id)
            .set(Column::Tags, row.tags)
            .set(Column::LastEditor, row.last_editor)
            .set(Column::ArchivedAt, row.archived_at)
            .set(Column::UpdatedAt, row.updated_at)
            .set(Column::Revision, row.revision),
    );
    if before.archived_at != after.archived_at || keys(before) != keys(after) {
        count(unit, before, -1);
        count(unit, after, 1);
    }
}

/// Moves the dates on after an issuance: they are those of the identity that expires first, which the same unit wrote.
pub fn record_issued(unit: &mut Unit, id: &CertificateId, now: Timestamp) {
    use certificate_identities::{Column as Held, Entity as Identities};
    let mut earliest = Query::select();
    earliest.expr(Expr::col(Held::NotAfter).min()).from(Identities).and_where(Held::CertificateId.eq(id.as_str()));
    let end = || Expr::SubQuery(None, Box::new(earliest.clone().into()));
    let mut start = Query::select();
    start
        .expr(Expr::col(Held::NotBefore).min())
        .from(Identities)
        .and_where(Held::CertificateId.eq(id.as_str()))
        .and_where(Expr::col(Held::NotAfter).eq(end()));
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::NotBefore, Expr::SubQuery(None, Box::new(start.into())))
        .value(Column::NotAfter, end())
        .value(Column::LastRenewalAt, micros(now))
        .value(Column::RenewalFailures, 0_i64)
        .value(Column::LastRenewalError, Option::<String>::None)
        .value(Column::UpdatedAt, micros(now))
        .value(Column::Revision, Expr::col(Column::Revision).add(1_i64))
        .and_where(Column::Id.eq(id.as_str()));
    unit.update(update, certctl_db::Guard::one(ENTITY, id));
}

/// Moves the dates on after the first issuance of a certificate that has one identity: no other can expire earlier.
pub fn record_first_issued(unit: &mut Unit, id: &CertificateId, start: Timestamp, end: Timestamp, now: Timestamp) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id.as_str())
            .set(Column::NotBefore, micros(start))
            .set(Column::NotAfter, micros(end))
            .set(Column::LastRenewalAt, micros(now))
            .set(Column::RenewalFailures, 0_i64)
            .set(Column::LastRenewalError, Option::<String>::None)
            .set(Column::UpdatedAt, micros(now))
            .add(Column::Revision, 1),
    );
}

/// What [`record_issued`] makes of a certificate that has one identity.
#[must_use]
pub fn after_issue(mut certificate: Certificate, version: &Version, now: Timestamp) -> Certificate {
    certificate.not_before = version.not_before;
    certificate.not_after = version.not_after;
    certificate.last_renewal_at = Some(now);
    certificate.renewal_failures = 0;
    certificate.last_renewal_error = None;
    certificate.updated_at = now;
    certificate.revision += 1;
    certificate
}

/// Notes a renewal that ended for good without success.
pub fn record_failure(unit: &mut Unit, id: &CertificateId, message: &str, now: Timestamp) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id.as_str())
            .set(Column::LastRenewalError, message)
            .set(Column::UpdatedAt, micros(now))
            .add(Column::RenewalFailures, 1)
            .add(Column::Revision, 1),
    );
}

/// Notes a verified deployment.
pub fn record_deployed(unit: &mut Unit, id: &CertificateId, now: Timestamp) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id.as_str())
            .set(Column::LastDeploymentAt, micros(now))
            .set(Column::UpdatedAt, micros(now))
            .add(Column::Revision, 1),
    );
}

/// The counters a certificate is part of while it is not archived (rulings §8).
fn keys(certificate: &Certificate) -> Vec<String> {
    if certificate.archived_at.is_some() {
        return vec!["certificates".to_owned()];
    }
    let mut keys = vec![
        "certificates".to_owned(),
        format!("certificates:issuer_id:{}", certificate.issuer_id),
        format!("certificates:team_id:{}", certificate.team_id),
        format!("certificates:owner_id:{}", certificate.owner_id),
        format!("certificates:environment:{}", certificate.environment),
    ];
    if let Some(profile) = &certificate.certificate_profile_id {
        keys.push(format!("certificates:profile_id:{profile}"));
    }
    keys
}

fn count(unit: &mut Unit, certificate: &Certificate, delta: i64) {
    for key in keys(certificate) {
        unit.count(key, delta);
    }
}

impl From<&Certificate> for Model {
    fn from(certificate: &Certificate) -> Self {
        Self {
            id: certificate.id.to_string(),
            name: certificate.name.clone(),
            common_name: certificate.common_name.clone(),
            sans: sans_json(&certificate.sans),
            environment: certificate.environment.clone(),
            owner_id: certificate.owner_id.to_string(),
            team_id: certificate.team_id.to_string(),
            issuer_id: certificate.issuer_id.to_string(),
            renewal_policy_id: certificate.renewal_policy_id.to_string(),
            certificate_profile_id: certificate.certificate_profile_id.as_ref().map(ToString::to_string),
            tags: map_json(&certificate.tags),
            source: certificate.source.clone(),
            not_before: micros_opt(certificate.not_before),
            not_after: micros_opt(certificate.not_after),
            last_renewal_at: micros_opt(certificate.last_renewal_at),
            last_deployment_at: micros_opt(certificate.last_deployment_at),
            renewal_failures: i64::from(certificate.renewal_failures),
            last_renewal_error: certificate.last_renewal_error.clone(),
            last_editor: certificate.last_editor.clone(),
            archived_at: micros_opt(certificate.archived_at),
            revoked_at: micros_opt(certificate.revoked_at),
            revocation_reason: certificate.revocation_reason.clone(),
            created_at: micros(certificate.created_at),
            updated_at: micros(certificate.updated_at),
            revision: certificate.revision,
        }
    }
}

impl TryFrom<Model> for Certificate {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        Ok(Self {
            id: id(TABLE, "id", &row.id, CertificateId::parse)?,
            name: row.name,
            common_name: row.common_name,
            sans: sans(TABLE, &row.sans)?,
            environment: row.environment,
            owner_id: id(TABLE, "owner_id", &row.owner_id, OwnerId::parse)?,
            team_id: id(TABLE, "team_id", &row.team_id, TeamId::parse)?,
            issuer_id: id(TABLE, "issuer_id", &row.issuer_id, IssuerId::parse)?,
            renewal_policy_id: id(TABLE, "renewal_policy_id", &row.renewal_policy_id, PolicyId::parse)?,
            certificate_profile_id: id_opt(
                TABLE,
                "certificate_profile_id",
                row.certificate_profile_id.as_deref(),
                ProfileId::parse,
            )?,
            tags: json(TABLE, "tags", &row.tags)?,
            source: row.source,
            not_before: time_opt(row.not_before),
            not_after: time_opt(row.not_after),
            last_renewal_at: time_opt(row.last_renewal_at),
            last_deployment_at: time_opt(row.last_deployment_at),
            renewal_failures: small(TABLE, "renewal_failures", row.renewal_failures)?,
            last_renewal_error: row.last_renewal_error,
            last_editor: row.last_editor,
            archived_at: time_opt(row.archived_at),
            revoked_at: time_opt(row.revoked_at),
            revocation_reason: row.revocation_reason,
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
            revision: row.revision,
        })
    }
}
