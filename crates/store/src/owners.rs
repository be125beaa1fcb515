//! Owners.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::{OwnerId, TeamId};
use certctl_domain::ownership::Owner;
use sea_orm::EntityTrait;

use crate::convert;
use crate::entities::owners::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};
use crate::references::{self, References};
use crate::remove;

/// The owner with this id.
pub async fn get(db: &Db, id: &OwnerId) -> Result<Option<Owner>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// Owners, oldest first.
pub async fn list(db: &Db, window: &Window) -> Result<Listed<Owner>, DbError> {
    let by = ByTime::oldest_first(Column::CreatedAt, Column::Id);
    list::page(db, Entity::find(), by, window, |row| (row.created_at, row.id.clone()), read).await
}

/// Certificates and API keys of the owner.
pub async fn references(db: &Db, id: &OwnerId) -> Result<References, DbError> {
    let places = [("certificates", "certificates", "owner_id"), ("api_keys", "api_keys", "owner_id")];
    references::count(db, id.as_str(), &places).await
}

/// Adds an owner.
pub fn insert(unit: &mut Unit, owner: &Owner) {
    unit.insert(&row(owner));
}

/// Writes an owner whose stored revision is the one before.
pub fn update(unit: &mut Unit, owner: &Owner) {
    unit.change(
        Change::of::<Entity>("owner", &owner.id)
            .key(Column::Id, owner.id.as_str())
            .expect(Column::Revision, owner.revision - 1)
            .set(Column::Name, owner.name.as_str())
            .set(Column::Email, owner.email.as_str())
            .set(Column::TeamId, owner.team_id.as_str())
            .set(Column::UpdatedAt, owner.updated_at.unix_micros())
            .set(Column::Revision, owner.revision),
    );
}

/// Deletes an owner whose stored revision is this one.
pub fn delete(unit: &mut Unit, owner: &Owner) {
    remove::at_revision::<Entity, _>(
        unit,
        "owner",
        (Column::Id, owner.id.as_str()),
        (Column::Revision, owner.revision),
    );
}

fn row(owner: &Owner) -> Model {
    Model {
        id: owner.id.to_string(),
        name: owner.name.clone(),
        email: owner.email.clone(),
        team_id: owner.team_id.to_string(),
        created_at: owner.created_at.unix_micros(),
        updated_at: owner.updated_at.unix_micros(),
        revision: owner.revision,
    }
}

fn read(row: Model) -> Result<Owner, DbError> {
    Ok(Owner {
        id: convert::id("owners", "id", &row.id, OwnerId::parse)?,
        name: row.name,
        email: row.email,
        team_id: convert::id("owners", "team_id", &row.team_id, TeamId::parse)?,
        created_at: convert::time(row.created_at),
        updated_at: convert::time(row.updated_at),
        revision: row.revision,
    })
}
