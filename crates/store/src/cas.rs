//! Certificate authorities of ours.

use certctl_db::{Db, DbError, Unit};
use certctl_domain::ids::{CaId, IssuerId};
use certctl_domain::issuer::{Ca, CaRole};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::convert::{id, id_opt, micros, time, word};
use crate::entities::cas::{Column, Entity, Model};

const TABLE: &str = "cas";

/// The issuing CA of an issuer and the root above it.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn pair(db: &Db, issuer: &IssuerId) -> Result<Option<(Ca, Ca)>, DbError> {
    let rows =
        Entity::find().filter(Column::IssuerId.eq(issuer.as_str())).all(db.read()).await.map_err(DbError::from)?;
    let (mut issuing, mut root) = (None, None);
    for row in rows {
        let ca = Ca::try_from(row)?;
        match ca.role {
            CaRole::Issuing => issuing = Some(ca),
            CaRole::Root => root = Some(ca),
        }
    }
    Ok(issuing.zip(root))
}

/// The root of an issuer.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn root(db: &Db, issuer: &IssuerId) -> Result<Option<Ca>, DbError> {
    let find =
        Entity::find().filter(Column::IssuerId.eq(issuer.as_str())).filter(Column::Role.eq(CaRole::Root.as_str()));
    find.one(db.read()).await.map_err(DbError::from)?.map(TryInto::try_into).transpose()
}

/// Adds a CA.
pub fn insert(unit: &mut Unit, ca: &Ca) {
    unit.insert(&Model {
        id: ca.id.to_string(),
        issuer_id: ca.issuer_id.to_string(),
        role: ca.role.as_str().to_owned(),
        parent_id: ca.parent_id.as_ref().map(ToString::to_string),
        certificate: ca.certificate.clone(),
        sealed_key: ca.sealed_key.clone(),
        key_ref: ca.key_ref.clone(),
        not_before: micros(ca.not_before),
        not_after: micros(ca.not_after),
        created_at: micros(ca.created_at),
    });
}

impl TryFrom<Model> for Ca {
    type Error = DbError;

    fn try_from(row: Model) -> Result<Self, DbError> {
        Ok(Self {
            id: id(TABLE, "id", &row.id, CaId::parse)?,
            issuer_id: id(TABLE, "issuer_id", &row.issuer_id, IssuerId::parse)?,
            role: word(TABLE, "role", &row.role, CaRole::parse)?,
            parent_id: id_opt(TABLE, "parent_id", row.parent_id.as_deref(), CaId::parse)?,
            certificate: row.certificate,
            sealed_key: row.sealed_key,
            key_ref: row.key_ref,
            not_before: time(row.not_before),
            not_after: time(row.not_after),
            created_at: time(row.created_at),
        })
    }
}
