//! Versions: each X.509 made, or meant to be made.

use certctl_db::{Change, Db, DbError, Due, Place, Unit};
use certctl_domain::certificate::{Purpose, Version, VersionState};
use certctl_domain::ids::{CaId, CertificateId, IssuerId, JobId, ProfileId, VersionId};
use certctl_pki::key::KeyAlgorithm;
use certctl_pki::{Certificate, Serial, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::convert::{id, id_opt, micros, micros_opt, small, time, time_opt, unreadable, word};
use crate::entities::certificate_versions::{Column, Entity, Model};

const TABLE: &str = "certificate_versions";
const ENTITY: &str = "certificate version";

/// The version with this id.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn get(db: &Db, id: &VersionId) -> Result<Option<Version>, DbError> {
    let row = Entity::find_by_id(id.as_str()).one(db.read()).await.map_err(DbError::from)?;
    row.map(TryInto::try_into).transpose()
}

/// The issued version of this fingerprint, SHA-256 in lower-case hex.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn issued_of_job(db: &Db, job: &JobId) -> Result<Option<Version>, DbError> {
    of_job(db, job, VersionState::Issued).await
}

/// The intent a job left behind.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn reserved_of_job(db: &Db, job: &JobId) -> Result<Option<Version>, DbError> {
    of_job(db, job, VersionState::Reserved).await
}

async fn of_job(db: &Db, job: &JobId, state: VersionState) -> Result<Option<Version>, DbError> {
    let find = Entity::find().filter(Column::JobId.eq(job.as_str())).filter(Column::State.eq(state.as_str()));
    let row = find.order_by_desc(Column::CreatedAt).one(db.read()).await.map_err(DbError::from)?;
    row.map(TryInto::try_into).transpose()
}

/// Intents older than `before` without an order, whose work is not open any more, oldest first: those behind `after`.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn reserved_orphans(
    db: &Db,
    before: Timestamp,
    after: Option<&Place>,
    limit: u16,
) -> Result<Vec<Due<Version>>, DbError> {
    let find = unordered(before);
    let due = certctl_db::due(db, find, Column::CreatedAt, &[Column::Id], after, u64::from(limit)).await?;
    Ok(due.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

/// Issuers that are to be asked at `now` for an order, whoever works on it.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn issuers_to_ask(db: &Db, now: Timestamp) -> Result<Vec<String>, DbError> {
    Ok(asked(now).into_tuple().all(db.read()).await?)
}

/// Intents older than `before` with an order at this issuer that it is to be asked for at `now`, and whose work is not open any
/// more: the longest due first.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn ordered_orphans(
    db: &Db,
    issuer: &str,
    before: Timestamp,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<Due<Version>>, DbError> {
    let find = ordered(issuer, before, now);
    let due = certctl_db::due(db, find, Column::PollAt, &[Column::Id], None, u64::from(limit)).await?;
    Ok(due.into_iter().map(|due| due.and_then(TryInto::try_into)).collect())
}

fn unordered(before: Timestamp) -> Select<Entity> {
    Entity::find()
        .filter(Expr::cust(UNORDERED))
        .filter(Column::CreatedAt.lt(micros(before)))
        .filter(Expr::cust(NOBODY_WORKS))
}

fn asked(now: Timestamp) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::IssuerId)
        .distinct()
        .filter(Expr::cust(ORDERED))
        .filter(Column::IssuerId.is_not_null())
        .filter(Column::PollAt.lte(micros(now)))
}

fn ordered(issuer: &str, before: Timestamp, now: Timestamp) -> Select<Entity> {
    Entity::find()
        .filter(Expr::cust(ORDERED))
        .filter(Column::IssuerId.eq(issuer))
        .filter(Column::PollAt.lte(micros(now)))
        .filter(Column::CreatedAt.lt(micros(before)))
        .filter(Expr::cust(NOBODY_WORKS))
}

/// Word for word the conditions of partial indexes, which parameters would hide from the planner.
const UNORDERED: &str = "state = 'reserved' AND order_ref IS NULL";
const ORDERED: &str = "state = 'reserved' AND order_ref IS NOT NULL";
const NOBODY_WORKS: &str =
    "NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = certificate_versions.job_id AND jobs.completed_at IS NULL)";

/// Issued versions of a certificate, newest first, and how many there are.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn page(
    db: &Db,
    certificate: &CertificateId,
    offset: u64,
    limit: u64,
) -> Result<(Vec<Version>, u64), DbError> {
    let find = Entity::find()
        .filter(Column::CertificateId.eq(certificate.as_str()))
        .filter(Column::State.eq(VersionState::Issued.as_str()));
    let total = find.clone().count(db.read()).await.map_err(DbError::from)?;
    let rows = find.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id).offset(offset).limit(limit);
    let versions: Result<Vec<Version>, DbError> =
        rows.all(db.read()).await.map_err(DbError::from)?.into_iter().map(TryInto::try_into).collect();
    Ok((versions?, total))
}

/// The issued version of a holder that ends last, for an internal purpose.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn latest_internal(db: &Db, purpose: Purpose, holder: &str) -> Result<Option<Version>, DbError> {
    let find = Entity::find()
        .filter(Column::Purpose.eq(purpose.as_str()))
        // Word for word the condition of the partial index, which a parameter would hide from the planner.
        .filter(Expr::cust("purpose <> 'leaf'"))
        .filter(Column::Holder.eq(holder))
        .filter(Column::CertificateId.is_null())
        .filter(Column::State.eq(VersionState::Issued.as_str()))
        .order_by_desc(Column::NotAfter);
    find.one(db.read()).await.map_err(DbError::from)?.map(TryInto::try_into).transpose()
}

/// Records an intent.
pub fn insert(unit: &mut Unit, version: &Version) {
    unit.insert(&Model::from(version));
}

/// Reserved becomes issued.
pub fn record_issued(unit: &mut Unit, version: &Version) {
    debug_assert!(VersionState::Reserved.may_become(version.state));
    let row = Model::from(version);
    unit.change(
        Change::of::<Entity>(ENTITY, &version.id)
            .key(Column::Id, row.id)
            .expect_in(Column::State, &["reserved"])
            .set(Column::State, row.state)
            .set(Column::Serial, row.serial)
            .set(Column::NotBefore, row.not_before)
            .set(Column::NotAfter, row.not_after)
            .set(Column::FingerprintSha256, row.fingerprint_sha256)
            .set(Column::Certificate, row.certificate)
            .set(Column::ChainPem, row.chain_pem)
            .set(Column::IssuedAt, row.issued_at),
    );
}

/// Reserved becomes void.
pub fn void(unit: &mut Unit, id: &VersionId, reason: &str) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id.as_str())
            .expect_in(Column::State, &["reserved"])
            .set(Column::State, VersionState::Void.as_str())
            .set(Column::VoidReason, reason),
    );
}

/// Reserved becomes void, with what an external issuer signed instead of what was asked. Its serial is left to the certificate: it may
/// repeat one that is on record.
pub fn refuse(unit: &mut Unit, id: &VersionId, reason: &str, certificate: &Certificate) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id.as_str())
            .expect_in(Column::State, &["reserved"])
            .set(Column::State, VersionState::Void.as_str())
            .set(Column::VoidReason, reason)
            .set(Column::NotBefore, Some(micros(certificate.not_before())))
            .set(Column::NotAfter, Some(micros(certificate.not_after())))
            .set(Column::FingerprintSha256, Some(certificate.fingerprint_sha256()))
            .set(Column::Certificate, Some(certificate.der().to_vec())),
    );
}

/// Notes what an external issuer calls the order, and when it is to be asked for.
pub fn record_order(unit: &mut Unit, id: &VersionId, order: &str, poll_at: Timestamp) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id.as_str())
            .expect_in(Column::State, &["reserved"])
            .set(Column::OrderRef, order)
            .set(Column::PollAt, micros(poll_at)),
    );
}

/// The issuer is asked for the order at another time. Takes the id as it stands in the row, which may not be readable.
pub fn poll_later(unit: &mut Unit, id: &str, poll_at: Timestamp) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id)
            .expect_in(Column::State, &["reserved"])
            .set(Column::PollAt, micros(poll_at)),
    );
}

/// Notes a revocation.
pub fn record_revoked(unit: &mut Unit, id: &VersionId, at: Timestamp) {
    unit.change(
        Change::of::<Entity>(ENTITY, id)
            .key(Column::Id, id.as_str())
            .expect_in(Column::State, &["issued"])
            .set(Column::RevokedAt, micros(at)),
    );
}

impl From<&Version> for Model {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id.to_string(),
            certificate_id: version.certificate_id.as_ref().map(ToString::to_string),
            purpose: version.purpose.as_str().to_owned(),
            holder: version.holder.clone(),
            ca_id: version.ca_id.as_ref().map(ToString::to_string),
            issuer_id: version.issuer_id.as_ref().map(ToString::to_string),
            job_id: version.job_id.as_ref().map(ToString::to_string),
            order_ref: version.order_ref.clone(),
            poll_at: micros_opt(version.poll_at),
            serial: version.serial.as_ref().map(|serial| serial.as_bytes().to_vec()),
            state: version.state.as_str().to_owned(),
            not_before: micros_opt(version.not_before),
            not_after: micros_opt(version.not_after),
            spki_sha256: version.spki_sha256.clone(),
            fingerprint_sha256: version.fingerprint_sha256.clone(),
            certificate: version.certificate.clone(),
            chain_pem: version.chain_pem.clone(),
            csr: version.csr.clone(),
            key_algorithm: version.key_algorithm.as_str().to_owned(),
            key_size: i64::from(version.key_size),
            profile_id: version.profile_id.as_ref().map(ToString::to_string),
            profile_revision: version.profile_revision,
            requested_by: version.requested_by.clone(),
            void_reason: version.void_reason.clone(),
            revoked_at: micros_opt(version.revoked_at),
            created_at: micros(version.created_at),
            issued_at: micros_opt(version.issued_at),
        }
    }
}

impl TryFrom<Model> for Version {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        let serial =
            row.serial.as_deref().map(Serial::from_be_bytes).transpose().map_err(|_| unreadable(TABLE, "serial"))?;
        Ok(Self {
            id: id(TABLE, "id", &row.id, VersionId::parse)?,
            certificate_id: id_opt(TABLE, "certificate_id", row.certificate_id.as_deref(), CertificateId::parse)?,
            purpose: word(TABLE, "purpose", &row.purpose, Purpose::parse)?,
            holder: row.holder,
            ca_id: id_opt(TABLE, "ca_id", row.ca_id.as_deref(), CaId::parse)?,
            issuer_id: id_opt(TABLE, "issuer_id", row.issuer_id.as_deref(), IssuerId::parse)?,
            job_id: id_opt(TABLE, "job_id", row.job_id.as_deref(), JobId::parse)?,
            order_ref: row.order_ref,
            poll_at: time_opt(row.poll_at),
            serial,
            state: word(TABLE, "state", &row.state, VersionState::parse)?,
            not_before: time_opt(row.not_before),
            not_after: time_opt(row.not_after),
            spki_sha256: row.spki_sha256,
            fingerprint_sha256: row.fingerprint_sha256,
            certificate: row.certificate,
            chain_pem: row.chain_pem,
            csr: row.csr,
            key_algorithm: word(TABLE, "key_algorithm", &row.key_algorithm, KeyAlgorithm::parse)?,
            key_size: small(TABLE, "key_size", row.key_size)?,
            profile_id: id_opt(TABLE, "profile_id", row.profile_id.as_deref(), ProfileId::parse)?,
            profile_revision: row.profile_revision,
            requested_by: row.requested_by,
            void_reason: row.void_reason,
            revoked_at: time_opt(row.revoked_at),
            created_at: time(row.created_at),
            issued_at: time_opt(row.issued_at),
        })
    }
}

#[cfg(test)]
mod tests;
