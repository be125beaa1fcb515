//! Teams.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::ids::TeamId;
use certctl_domain::ownership::Team;
use sea_orm::{EntityTrait, QueryOrder};

use crate::convert;
use crate::entities::teams::{Column, Entity, Model};
use crate::list::{self, ByTime, Listed, Window};
use crate::references::{self, References};
use crate::remove;

/// The team with this id.
pub async fn get(db: &Db, id: &TeamId) -> Result<Option<Team>, DbError> {
    Entity::find_by_id(id.as_str()).one(db.read()).await?.map(read).transpose()
}

/// Teams, oldest first.
pub async fn list(db: &Db, window: &Window) -> Result<Listed<Team>, DbError> {
    let by = ByTime::oldest_first(Column::CreatedAt, Column::Id);
    list::page(db, Entity::find(), by, window, |row| (row.created_at, row.id.clone()), read).await
}

/// All teams by name, for those who choose one.
pub async fn all(db: &Db) -> Result<Vec<Team>, DbError> {
    Entity::find().order_by_asc(Column::Name).all(db.read()).await?.into_iter().map(read).collect()
}

/// Owners and certificates of the team.
pub async fn references(db: &Db, id: &TeamId) -> Result<References, DbError> {
    let places = [("owners", "owners", "team_id"), ("certificates", "certificates", "team_id")];
    references::count(db, id.as_str(), &places).await
}

/// Adds a team.
pub fn insert(unit: &mut Unit, team: &Team) {
    unit.insert(&row(team));
}

/// Writes a team whose stored revision is the one before.
pub fn update(unit: &mut Unit, team: &Team) {
    unit.change(
        Change::of::<Entity>("team", &team.id)
            .key(Column::Id, team.id.as_str())
            .expect(Column::Revision, team.revision - 1)
            .set(Column::Name, team.name.as_str())
            .set(Column::Description, team.description.as_str())
            .set(Column::UpdatedAt, team.updated_at.unix_micros())
            .set(Column::Revision, team.revision),
    );
}

/// Deletes a team whose stored revision is this one.
pub fn delete(unit: &mut Unit, team: &Team) {
    remove::at_revision::<Entity, _>(unit, "team", (Column::Id, team.id.as_str()), (Column::Revision, team.revision));
}

fn row(team: &Team) -> Model {
    Model {
        id: team.id.to_string(),
        name: team.name.clone(),
        description: team.description.clone(),
        created_at: team.created_at.unix_micros(),
        updated_at: team.updated_at.unix_micros(),
        revision: team.revision,
    }
}

fn read(row: Model) -> Result<Team, DbError> {
    Ok(Team {
        id: convert::id("teams", "id", &row.id, TeamId::parse)?,
        name: row.name,
        description: row.description,
        created_at: convert::time(row.created_at),
        updated_at: convert::time(row.updated_at),
        revision: row.revision,
    })
}
