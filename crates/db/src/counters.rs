//! Reading the counters that units add to.

use sea_orm::{ConnectionTrait, Statement, Value};

use crate::{Db, DbError};

/// Value of a counter, the sum of its shards; 0 when nothing was ever added.
///
/// # Errors
/// Those of the connection.
pub async fn counter(db: &Db, name: &str) -> Result<i64, DbError> {
    let backend = db.read().get_database_backend();
    let placeholder = if backend == sea_orm::DbBackend::Postgres { "$1" } else { "?1" };
    let sql =
        format!("SELECT CAST(coalesce(sum(value), 0) AS BIGINT) AS value FROM counters WHERE name = {placeholder}");
    let row = db.read().query_one_raw(Statement::from_sql_and_values(backend, sql, [Value::from(name)])).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("", "value")?))
}
