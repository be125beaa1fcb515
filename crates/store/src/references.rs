//! Who still refers to a row: asked before it is deleted, so that the answer can name them.

use certctl_db::{Db, DbError};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, Query};

/// How many rows refer to something, by what they are.
pub type References = Vec<(&'static str, u64)>;

/// Counts the rows of each `(name, table, column)` that hold `id`.
pub(crate) async fn count(
    db: &Db,
    id: &str,
    places: &[(&'static str, &'static str, &'static str)],
) -> Result<References, DbError> {
    let mut counts = Vec::with_capacity(places.len());
    for (name, table, column) in places {
        let mut query = Query::select();
        query
            .expr_as(Func::count(Expr::col(Asterisk)), Alias::new("rows"))
            .from(Alias::new(*table))
            .and_where(Expr::col(Alias::new(*column)).eq(id));
        let rows: i64 = match db.read().query_one(&query).await? {
            Some(row) => row.try_get("", "rows")?,
            None => 0,
        };
        counts.push((*name, u64::try_from(rows).unwrap_or_default()));
    }
    Ok(counts)
}
