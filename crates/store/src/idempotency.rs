//! Answers kept for a client that repeats a request under the same key.

use certctl_db::{Change, Db, DbError, Unit};
use certctl_domain::actor::Actor;
use certctl_pki::Timestamp;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait};

use crate::convert::{micros, time};
use crate::entities::idempotency_keys::{Column, Entity, Model};

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Digest of the request: another request under the same key is a mistake of the client.
    pub request_hash: String,
    /// Its answer, once there is one.
    pub answer: Option<Answer>,
    /// When it came first.
    pub created_at: Timestamp,
}

/// An answer to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// What is known of the request that this actor made under this key.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn find(db: &Db, key: &str, actor: &Actor) -> Result<Option<Remembered>, DbError> {
    let row = Entity::find_by_id((key.to_owned(), actor.key())).one(db.read()).await?;
    Ok(row.map(|row| Remembered {
        request_hash: row.request_hash,
        answer: row.status.zip(row.response).and_then(|(status, body)| {
            let status = u16::try_from(status).ok()?;
            Some(Answer { status, body })
        }),
        created_at: time(row.created_at),
    }))
}

/// Takes the key for a request; fails when it is taken.
pub fn reserve(unit: &mut Unit, key: &str, actor: &Actor, request_hash: &str, now: Timestamp) {
    unit.insert(&Model {
        key: key.to_owned(),
        actor: actor.key(),
        request_hash: request_hash.to_owned(),
        status: None,
        response: None,
        created_at: micros(now),
    });
}

/// Keeps the answer.
pub fn answer(unit: &mut Unit, key: &str, actor: &Actor, answer: &Answer) {
    unit.change(
        Change::of::<Entity>("idempotency key", key)
            .key(Column::Key, key)
            .key(Column::Actor, actor.key())
            .expect_null(Column::Status)
            .set(Column::Status, Some(i64::from(answer.status)))
            .set(Column::Response, Some(answer.body.clone())),
    );
}

/// Gives back a key that was taken at `since`, before the unit takes it again.
pub fn release(unit: &mut Unit, key: &str, actor: &Actor, since: Timestamp) {
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Column::Key.eq(key))
        .and_where(Column::Actor.eq(actor.key()))
        .and_where(Column::CreatedAt.eq(micros(since)));
    unit.delete_first(delete);
}

/// Forgets what came before `before`.
pub fn prune(unit: &mut Unit, before: Timestamp) {
    let mut delete = Query::delete();
    delete.from_table(Entity).and_where(Column::CreatedAt.lt(micros(before)));
    unit.delete_unguarded(delete);
}
