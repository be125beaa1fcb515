//! Issuers. Those that the product made for itself are reached by id only.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::IssuerId;
use certctl_domain::issuer::Issuer;
use certctl_pki::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::convert;
use crate::entities::issuers::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};
use crate::references::{self, References};
use crate::remove;

/// The issuer with this id.
pub async fn get(db: &Db, id: &IssuerId) -> Result<Option<Issuer>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// Issuers that a user may choose, oldest first.
pub async fn list(db: &Db, window: &Window) -> Result<Listed<Issuer>, DbError> {
    let query = Entity::find().filter(Column::Internal.eq(false));
    let by = ByTime::oldest_first(Column::CreatedAt, Column::Id);
    list::page(db, query, by, window, |row| (row.created_at, row.id.clone()), read).await
}

/// Certificates, versions and CAs that depend on the issuer.
pub async fn references(db: &Db, id: &IssuerId) -> Result<References, DbError> {
    let places = [
        ("certificates", "certificates", "issuer_id"),
        ("certificate_versions", "certificate_versions", "issuer_id"),
        ("cas", "cas", "issuer_id"),
    ];
    references::count(db, id.as_str(), &places).await
}

/// Adds an issuer.
pub fn insert(unit: &mut Unit, issuer: &Issuer) {
    unit.insert(&row(issuer));
}

/// Adds an issuer unless one with its id or name exists.
pub fn insert_if_absent(unit: &mut Unit, issuer: &Issuer) {
    unit.insert_or_ignore(&row(issuer));
}

/// Writes what a person may edit of an issuer whose stored revision is the one before.
pub fn update(unit: &mut Unit, issuer: &Issuer) {
    let row = row(issuer);
    unit.change(
        Change::of::<Entity>("issuer", &issuer.id)
            .key(Column::Id, row.id)
            .expect(Column::Revision, row.revision - 1)
            .set(Column::Name, row.name)
            .set(Column::Config, row.config)
            .set(Column::SealedConfig, row.sealed_config)
            .set(Column::Enabled, row.enabled)
            .set(Column::TestStatus, row.test_status)
            .set(Column::LastTestedAt, row.last_tested_at)
            .set(Column::UpdatedAt, row.updated_at)
            .set(Column::Revision, row.revision),
    );
}

/// Notes how a test of the configuration of this revision ended; the configuration itself is not touched.
pub fn record_test(unit: &mut Unit, issuer: &Issuer, status: &str, at: Timestamp) {
    unit.change(
        Change::of::<Entity>("issuer", &issuer.id)
            .key(Column::Id, issuer.id.as_str())
            .expect(Column::Revision, issuer.revision)
            .set(Column::TestStatus, status)
            .set(Column::LastTestedAt, at.unix_micros()),
    );
}

/// Deletes an issuer whose stored revision is this one.
pub fn delete(unit: &mut Unit, issuer: &Issuer) {
    let (id, revision) = ((Column::Id, issuer.id.as_str()), (Column::Revision, issuer.revision));
    remove::at_revision::<Entity, _>(unit, "issuer", id, revision);
}

fn row(issuer: &Issuer) -> Model {
    Model {
        id: issuer.id.to_string(),
        name: issuer.name.clone(),
        kind: issuer.kind.clone(),
        config: issuer.config.clone(),
        sealed_config: issuer.sealed_config.clone(),
        enabled: issuer.enabled,
        internal: issuer.internal,
        source: issuer.source.clone(),
        test_status: issuer.test_status.clone(),
        last_tested_at: convert::micros_opt(issuer.last_tested_at),
        created_at: issuer.created_at.unix_micros(),
        updated_at: issuer.updated_at.unix_micros(),
        revision: issuer.revision,
    }
}

fn read(row: Model) -> Result<Issuer, DbError> {
    Ok(Issuer {
        id: convert::id("issuers", "id", &row.id, IssuerId::parse)?,
        name: row.name,
        kind: row.kind,
        config: row.config,
        sealed_config: row.sealed_config,
        enabled: row.enabled,
        internal: row.internal,
        source: row.source,
        test_status: row.test_status,
        last_tested_at: convert::time_opt(row.last_tested_at),
        created_at: convert::time(row.created_at),
        updated_at: convert::time(row.updated_at),
        revision: row.revision,
    })
}
