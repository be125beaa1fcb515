//! Lists: where a page starts, how long it is, and how many rows there are. Pages are keyset; an offset is accepted within
//! [`OFFSET_MAX`] rows for clients that count pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certctl_db::{Db, DbError};
use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use serde::{Deserialize, Serialize};

/// The part of a list that is asked for.
#[derive(Debug, Clone)]
pub struct Window {
    /// Where it starts.
    pub start: Start,
    /// Rows at most.
    pub limit: u32,
    /// How the total is counted.
    pub count: Count,
}

/// Where a page starts.
#[derive(Debug, Clone)]
pub enum Start {
    /// After so many rows.
    Offset(u64),
    /// Behind the row that an earlier page ended with.
    After(Cursor),
}

/// How the total of a filtered list is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// At most [`COUNT_MAX`].
    Bounded,
    /// All of them, whatever it costs.
    Exact,
}

/// Name of the order by creation, oldest first.
pub const OLDEST_FIRST: &str = "created";
/// Name of the order by creation, newest first.
pub const NEWEST_FIRST: &str = "-created";
/// Furthest row that an offset reaches.
pub const OFFSET_MAX: u64 = 10_000;
/// A bounded count stops here.
pub const COUNT_MAX: u64 = 10_000;
/// Most rows of one page.
pub const LIMIT_MAX: u32 = 500;
/// Rows of a page whose length nobody names.
pub const LIMIT_DEFAULT: u32 = 50;

/// One page.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// How many rows the whole list has.
    pub total: Total,
    /// Where the next page starts; absent at the end.
    pub next: Option<Cursor>,
}

/// How many rows a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub rows: u64,
    /// Counting stopped there: there may be more.
    pub is_minimum: bool,
}

/// The row a page ended with. Opaque to clients; carries the order it belongs to, so that it is not used under another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    v: u8,
    /// Name of the order.
    #[serde(rename = "o")]
    pub order: String,
    /// Value of the row in the column sorted by.
    #[serde(rename = "k")]
    pub key: Key,
    /// Id of the row.
    #[serde(rename = "i")]
    pub id: String,
}

/// A value that rows are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// An instant or a number.
    Number(i64),
    /// A text.
    Text(String),
    /// No value.
    Null,
}

/// A text that is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this list; take next_cursor from the page before, or leave it out")]
pub struct CursorError;

impl Cursor {
    /// A cursor behind a row.
    #[must_use]
    pub fn new(order: &str, key: Key, id: &str) -> Self {
        Self { v: 1, order: order.to_owned(), key, id: id.to_owned() }
    }

    /// Reads what [`Cursor::to_text`] wrote for a list in this order.
    ///
    /// # Errors
    /// [`CursorError`] for anything else.
    pub fn parse(order: &str, text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| CursorError)?;
        if cursor.v == 1 && cursor.order == order { Ok(cursor) } else { Err(CursorError) }
    }

    /// The text that clients send back.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(crate::convert::to_json(self))
    }
}

/// The columns a list is ordered by: an instant, ties broken by id.
pub(crate) struct ByTime<C> {
    time: C,
    id: C,
    order: Order,
}

impl<C> ByTime<C> {
    /// Oldest first.
    pub(crate) fn oldest_first(time: C, id: C) -> Self {
        Self { time, id, order: Order::Asc }
    }

    /// Newest first.
    pub(crate) fn newest_first(time: C, id: C) -> Self {
        Self { time, id, order: Order::Desc }
    }

    fn is_descending(&self) -> bool {
        self.order == Order::Desc
    }

    fn name(&self) -> &'static str {
        if self.is_descending() { NEWEST_FIRST } else { OLDEST_FIRST }
    }
}

/// One page of a whole table, or of a part that needs no filter to be named; its total is exact.
pub(crate) async fn page<E, C, T>(
    db: &Db,
    query: Select<E>,
    by: ByTime<C>,
    window: &Window,
    position: impl Fn(&E::Model) -> (i64, String),
    read: impl Fn(E::Model) -> Result<T, DbError>,
) -> Result<Listed<T>, DbError>
where
    E: EntityTrait,
    C: ColumnTrait,
{
    filtered(db, query, by, &Window { count: Count::Exact, ..window.clone() }, position, read).await
}

/// One page of what a filter leaves, in the order of a time column, with the total as the window wants it counted.
pub(crate) async fn filtered<E, C, T>(
    db: &Db,
    query: Select<E>,
    by: ByTime<C>,
    window: &Window,
    position: impl Fn(&E::Model) -> (i64, String),
    read: impl Fn(E::Model) -> Result<T, DbError>,
) -> Result<Listed<T>, DbError>
where
    E: EntityTrait,
    C: ColumnTrait,
{
    let total = total(db, query.clone(), window.count).await?;
    let mut rows = query.order_by(by.time, by.order.clone()).order_by(by.id, by.order.clone());
    match &window.start {
        Start::Offset(rows_before) => rows = rows.offset(*rows_before),
        Start::After(cursor) => rows = rows.filter(behind(&by, cursor)?),
    }
    let limit = usize::try_from(window.limit).unwrap_or(usize::MAX);
    let mut models = rows.limit(u64::from(window.limit) + 1).all(db.read()).await?;
    let more = models.len() > limit;
    models.truncate(limit);
    let next = models.last().filter(|_| more).map(|model| {
        let (time, id) = position(model);
        Cursor::new(by.name(), Key::Number(time), &id)
    });
    let items = models.into_iter().map(read).collect::<Result<Vec<T>, DbError>>()?;
    Ok(Listed { items, total, next })
}

fn behind<C: ColumnTrait>(by: &ByTime<C>, cursor: &Cursor) -> Result<SimpleExpr, DbError> {
    let (Key::Number(time), true) = (&cursor.key, cursor.order == by.name()) else {
        return Err(DbError::unreadable("a cursor of another list"));
    };
    let (time, id) = (*time, cursor.id.as_str());
    Ok(if by.is_descending() {
        by.time.lt(time).or(by.time.eq(time).and(by.id.lt(id)))
    } else {
        by.time.gt(time).or(by.time.eq(time).and(by.id.gt(id)))
    })
}

/// How many rows `query` has.
pub(crate) async fn total<E: EntityTrait>(db: &Db, query: Select<E>, count: Count) -> Result<Total, DbError> {
    let mut inner = query.select_only().expr_as(Expr::val(1), "one");
    if count == Count::Bounded {
        inner = inner.limit(COUNT_MAX + 1);
    }
    let mut outer = Query::select();
    outer
        .expr_as(Func::count(Expr::col(Asterisk)), Alias::new("rows"))
        .from_subquery(inner.into_query(), Alias::new("counted"));
    let row = db.read().query_one(&outer).await?;
    let rows = match row {
        Some(row) => row.try_get::<i64>("", "rows")?,
        None => 0,
    };
    let rows = u64::try_from(rows).unwrap_or_default();
    let is_minimum = count == Count::Bounded && rows > COUNT_MAX;
    Ok(Total { rows: if is_minimum { COUNT_MAX } else { rows }, is_minimum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_wire_and_foreign_text_does_not_pass() {
        for key in [Key::Number(-5), Key::Text("é".to_owned()), Key::Null] {
            let cursor = Cursor::new(OLDEST_FIRST, key, "team_1");
            assert_eq!(Cursor::parse(OLDEST_FIRST, &cursor.to_text()), Ok(cursor.clone()));
            assert_eq!(Cursor::parse(NEWEST_FIRST, &cursor.to_text()), Err(CursorError));
        }
        for text in ["", "x", "bm90IGpzb24", "eyJ2Ijo5fQ"] {
            assert_eq!(Cursor::parse(OLDEST_FIRST, text), Err(CursorError), "{text}");
        }
    }
}
