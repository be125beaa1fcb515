//! What others must hear of, in the order it was written.

use certctl_db::{Db, DbError, Unit};
use certctl_domain::ids::OutboxId;
use certctl_pki::Timestamp;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryOrder, QuerySelect};

use crate::convert::{id, micros, time};
use crate::entities::outbox::{Column, Entity, Model};

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id; later entries have greater ids.
    pub id: OutboxId,
    /// What happened, such as `certificate.issued`.
    pub topic: String,
    /// To which thing.
    pub about: String,
    /// When.
    pub created_at: Timestamp,
}

/// The oldest entries.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn oldest(db: &Db, limit: u16) -> Result<Vec<Entry>, DbError> {
    let rows =
        Entity::find().order_by_asc(Column::Id).limit(u64::from(limit)).all(db.read()).await.map_err(DbError::from)?;
    rows.into_iter()
        .map(|row| {
            let id = id("outbox", "id", &row.id, OutboxId::parse)?;
            Ok(Entry { id, topic: row.topic, about: row.about, created_at: time(row.created_at) })
        })
        .collect()
}

/// Adds an entry.
pub fn insert(unit: &mut Unit, id: &OutboxId, topic: &str, about: &str, now: Timestamp) {
    unit.insert(&Model {
        id: id.to_string(),
        topic: topic.to_owned(),
        about: about.to_owned(),
        payload: "{}".to_owned(),
        created_at: micros(now),
    });
}

/// Forgets entries that were told.
pub fn delete(unit: &mut Unit, ids: &[&OutboxId]) {
    let mut delete = Query::delete();
    delete.from_table(Entity).and_where(Column::Id.is_in(ids.iter().map(|id| id.as_str())));
    unit.delete_unguarded(delete);
}
