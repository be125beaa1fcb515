//! What others must hear of, in the order it was written.

use certctl_db::{Db, DbError, Unit};
use certctl_domain::ids::OutboxId;
use certctl_pki::Timestamp;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryOrder, QuerySelect};

use crate::convert::micros;
use crate::entities::outbox::{Column, Entity, Model};

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id, as it stands there; later entries have greater ids.
    pub id: String,
    /// What happened, such as `certificate.issued`.
    pub topic: String,
    /// To which thing.
    pub about: String,
}

/// The oldest entries.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn oldest(db: &Db, limit: u16) -> Result<Vec<Entry>, DbError> {
    // Texts alone, which can always be read: no entry is in the way of another.
    let rows: Vec<(String, String, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Topic, Column::About])
        .order_by_asc(Column::Id)
        .limit(u64::from(limit))
        .into_tuple()
        .all(db.read())
        .await?;
    Ok(rows.into_iter().map(|(id, topic, about)| Entry { id, topic, about }).collect())
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
pub fn delete(unit: &mut Unit, ids: &[&str]) {
    let mut delete = Query::delete();
    delete.from_table(Entity).and_where(Column::Id.is_in(ids.iter().copied()));
    unit.delete_unguarded(delete);
}
