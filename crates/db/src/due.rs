//! Rows that wait for a loop, read a page at a time and each by itself: a row that cannot be read harms no other, and the page
//! behind it can be asked for.

use std::fmt;

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef};
use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use crate::{Db, DbError};

/// Where a row stands among those that wait: its time and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Since when it is due, as its column has it; nothing where rows stand in the order of their keys alone.
    pub at: Option<i64>,
    /// Its primary key, column by column.
    pub key: Vec<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key.join("/"))
    }
}

/// A row that is due, or whose turn it is.
#[derive(Clone, Debug)]
pub struct Due<T> {
    /// Where it stands.
    pub place: Place,
    /// The row, or why it cannot be read.
    pub row: Result<T, DbError>,
}

impl<T> Due<T> {
    /// The same row as something else.
    pub fn and_then<U>(self, read: impl FnOnce(T) -> Result<U, DbError>) -> Due<U> {
        Due { place: self.place, row: self.row.and_then(read) }
    }
}

/// Rows of `find` in the order of `at`, if it is given, and then `key`, those behind `after`: at most `limit`.
///
/// # Errors
/// [`DbError`] when the database does not answer.
pub async fn due<E>(
    db: &Db,
    find: Select<E>,
    at: impl Into<Option<E::Column>>,
    key: &[E::Column],
    after: Option<&Place>,
    limit: u64,
) -> Result<Vec<Due<E::Model>>, DbError>
where
    E: EntityTrait,
{
    let at = at.into();
    let find = in_order(find, at, key, after, limit);
    let rows = db.read().query_all(find.as_query()).await?;
    rows.iter()
        .map(|row| {
            let text = |column: &E::Column| row.try_get::<String>("", sea_orm::IdenStatic::as_str(column));
            let place = Place {
                at: at.map(|at| row.try_get("", sea_orm::IdenStatic::as_str(&at))).transpose()?,
                key: key.iter().map(text).collect::<Result<_, _>>()?,
            };
            Ok(Due { place, row: E::Model::from_query_result(row, "").map_err(DbError::from) })
        })
        .collect()
}

/// What [`due`] asks of the database.
pub fn in_order<E: EntityTrait>(
    find: Select<E>,
    at: impl Into<Option<E::Column>>,
    key: &[E::Column],
    after: Option<&Place>,
    limit: u64,
) -> Select<E> {
    let at = at.into();
    let mut find = find.limit(limit);
    for column in at.iter().chain(key) {
        find = find.order_by_asc(*column);
    }
    if let Some(after) = after {
        let column = |column: &E::Column| Expr::col(sea_orm::ColumnTrait::as_column_ref(column).into_column_ref());
        let columns = at.iter().chain(key).map(column);
        let values = after.at.map(Expr::val).into_iter().chain(after.key.iter().map(Expr::val));
        find = find.filter(Expr::tuple(columns).gt(Expr::tuple(values)));
        // Said of the time alone too: that is what an index on it can begin at.
        if let Some((at, from)) = at.zip(after.at) {
            find = find.filter(column(&at).gte(from));
        }
    }
    find
}
