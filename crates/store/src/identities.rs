//! Identities: a certificate in the hands of one key holder. The planner scans `renew_at`.

use certctl_db::{Change, Db, DbError, Due, Place, Unit};
use certctl_domain::certificate::{Holder, Identity};
use certctl_domain::ids::{CertificateId, PolicyId, VersionId};
use certctl_pki::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::convert::{id, id_opt, micros, micros_opt, small, time_opt, unreadable};
use crate::entities::certificate_identities::{Column, Entity, Model};
use crate::entities::certificates;

const TABLE: &str = "certificate_identities";
const ENTITY: &str = "identity";

/// The identity of a certificate in the hands of `holder`.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, certificate: &CertificateId, holder: &Holder) -> Result<Option<Identity>, DbError> {
    let key = (certificate.to_string(), holder.as_str().to_owned());
    let row = Entity::find_by_id(key).one(db.read()).await.map_err(DbError::from)?;
    row.map(TryInto::try_into).transpose()
}

/// All identities of a certificate.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn of_certificate(db: &Db, certificate: &CertificateId) -> Result<Vec<Identity>, DbError> {
    let rows = Entity::find().filter(Column::CertificateId.eq(certificate.as_str())).order_by_asc(Column::Holder);
    rows.all(db.read()).await.map_err(DbError::from)?.into_iter().map(TryInto::try_into).collect()
}

/// Identities whose time to renew has come, the most overdue first.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn due(db: &Db, now: Timestamp, after: Option<&Place>, limit: u16) -> Result<Vec<Due<Identity>>, DbError> {
    let find = Entity::find().filter(Column::RenewAt.lte(micros(now)));
    let key = [Column::CertificateId, Column::Holder];
    let due = certctl_db::due(db, find, Column::RenewAt, &key, after, u64::from(limit)).await?;
    Ok(due.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

/// Issued identities of the certificates under a policy, by certificate and holder: those behind `after`, at most `limit`.
/// Archived certificates have none.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn of_policy(
    db: &Db,
    policy: &PolicyId,
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Due<Identity>>, DbError> {
    let mut under = Query::select();
    under
        .column(certificates::Column::Id)
        .from(certificates::Entity)
        .and_where(certificates::Column::RenewalPolicyId.eq(policy.as_str()))
        .and_where(certificates::Column::ArchivedAt.is_null());
    let find = Entity::find()
        .filter(Expr::col(Column::CertificateId).in_subquery(under))
        .filter(Column::CurrentVersionId.is_not_null());
    let key = [Column::CertificateId, Column::Holder];
    let page = certctl_db::due(db, find, None, &key, after, limit).await?;
    Ok(page.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

/// The earliest time to renew of all identities.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn next_due(db: &Db) -> Result<Option<Timestamp>, DbError> {
    let row = Entity::find().filter(Column::RenewAt.is_not_null()).order_by_asc(Column::RenewAt).one(db.read());
    Ok(row.await.map_err(DbError::from)?.and_then(|row| time_opt(row.renew_at)))
}

/// Adds an identity.
pub fn insert(unit: &mut Unit, identity: &Identity) {
    unit.insert(&Model::from(identity));
}

/// Moves an identity on to its new version.
pub fn record_issued(unit: &mut Unit, identity: &Identity) {
    let row = Model::from(identity);
    unit.change(
        keyed(identity)
            .set(Column::CurrentVersionId, row.current_version_id)
            .set(Column::NotBefore, row.not_before)
            .set(Column::NotAfter, row.not_after)
            .set(Column::RenewAt, row.renew_at)
            .set(Column::Failures, row.failures),
    );
}

/// Notes a renewal that ended for good without success, and when it starts anew.
pub fn record_failure(unit: &mut Unit, identity: &Identity, renew_at: Option<Timestamp>) {
    unit.change(keyed(identity).set(Column::RenewAt, micros_opt(renew_at)).add(Column::Failures, 1));
}

/// Sets when the planner looks again; fails with `Moved` when somebody planned it meanwhile.
pub fn plan(unit: &mut Unit, identity: &Identity, renew_at: Option<Timestamp>) {
    unit.change(
        keyed(identity)
            .expect(Column::RenewAt, micros_opt(identity.renew_at))
            .set(Column::RenewAt, micros_opt(renew_at)),
    );
}

/// Sets when the planner looks, whoever looked meanwhile.
pub fn replan(unit: &mut Unit, identity: &Identity, renew_at: Option<Timestamp>) {
    unit.change(keyed(identity).set(Column::RenewAt, micros_opt(renew_at)));
}

fn keyed(identity: &Identity) -> Change {
    Change::of::<Entity>(ENTITY, format!("{}/{}", identity.certificate_id, identity.holder.as_str()))
        .key(Column::CertificateId, identity.certificate_id.as_str())
        .key(Column::Holder, identity.holder.as_str())
}

impl From<&Identity> for Model {
    fn from(identity: &Identity) -> Self {
        Self {
            certificate_id: identity.certificate_id.to_string(),
            holder: identity.holder.as_str().to_owned(),
            current_version_id: identity.current_version_id.as_ref().map(ToString::to_string),
            not_before: micros_opt(identity.not_before),
            not_after: micros_opt(identity.not_after),
            renew_at: micros_opt(identity.renew_at),
            failures: i64::from(identity.failures),
        }
    }
}

impl TryFrom<Model> for Identity {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        Ok(Self {
            certificate_id: id(TABLE, "certificate_id", &row.certificate_id, CertificateId::parse)?,
            holder: Holder::parse(&row.holder).map_err(|_| unreadable(TABLE, "holder"))?,
            current_version_id: id_opt(
                TABLE,
                "current_version_id",
                row.current_version_id.as_deref(),
                VersionId::parse,
            )?,
            not_before: time_opt(row.not_before),
            not_after: time_opt(row.not_after),
            renew_at: time_opt(row.renew_at),
            failures: small(TABLE, "failures", row.failures)?,
        })
    }
}
