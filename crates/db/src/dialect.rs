//! The statements of the committer in the words of either database. Rows of one kind become one statement: SQLite takes them as a
//! VALUES list, PostgreSQL as one array per column, so that its statement is the same whatever the number of rows.

use std::fmt::Write as _;

use crate::Backend;
use crate::change::{Check, Set, Shape, is_plain};
use crate::unit::OnConflict;

/// How many rows the next statement takes of `rows` waiting ones. SQLite compiles a statement per row count: few counts keep the
/// compiled ones in the connection's cache. Counts have at most two leading bits, so two or three statements serve any number.
pub(crate) fn chunk(backend: Backend, rows: usize) -> usize {
    match backend {
        Backend::Postgres => rows.min(POSTGRES_ROWS_MAX),
        Backend::Sqlite => {
            let rows = rows.min(SQLITE_ROWS_MAX);
            match rows.checked_ilog2() {
                None | Some(0) => rows,
                Some(bits) => rows >> (bits - 1) << (bits - 1),
            }
        }
    }
}

/// `INSERT INTO table`, with `kinds` the array type of each column. Parameters: SQLite row by row, PostgreSQL one array per column, or
/// one scalar per column when `rows` is 1.
pub(crate) fn insert(
    backend: Backend,
    table: &str,
    columns: &[&str],
    kinds: &[&str],
    on_conflict: OnConflict,
    rows: usize,
) -> String {
    let mut sql = String::with_capacity(64 + columns.len() * (rows * 2 + 16));
    sql.push_str("INSERT INTO ");
    quoted(&mut sql, table);
    sql.push_str(" (");
    list(&mut sql, columns, |sql, column| quoted(sql, column));
    sql.push_str(") ");
    match backend {
        Backend::Sqlite => values(&mut sql, rows, columns.len()),
        Backend::Postgres if rows == 1 => numbered(&mut sql, columns.len()),
        Backend::Postgres => {
            sql.push_str("SELECT * FROM ");
            unnest(&mut sql, kinds);
        }
    }
    match on_conflict {
        OnConflict::Fail => {}
        OnConflict::Ignore => sql.push_str(" ON CONFLICT DO NOTHING"),
    }
    sql
}

/// `UPDATE table` of `rows` rows of one shape. Parameters as for [`insert`], in the order keys, expectations, sets.
pub(crate) fn change(backend: Backend, table: &str, shape: &Shape, kinds: &[&str], rows: usize) -> String {
    let mut sql = String::with_capacity(256 + if backend == Backend::Sqlite { rows * kinds.len() * 2 } else { 0 });
    let single = rows == 1;
    if !single && backend == Backend::Sqlite {
        sql.push_str("WITH v (");
        list(&mut sql, &(0..kinds.len()).collect::<Vec<_>>(), |sql, index| {
            let _ = write!(sql, "c{index}");
        });
        sql.push_str(") AS (");
        values(&mut sql, rows, kinds.len());
        sql.push_str(") ");
    }
    sql.push_str("UPDATE ");
    quoted(&mut sql, table);
    sql.push_str(" AS t SET ");
    // A lone row needs no list of values: its parameters stand in the statement itself, numbered from 1 on both databases.
    let value = |sql: &mut String, index: usize| {
        let _ = match (single, backend) {
            (false, _) => write!(sql, "v.c{index}"),
            (true, Backend::Sqlite) => write!(sql, "?{}", index + 1),
            (true, Backend::Postgres) => write!(sql, "${}", index + 1),
        };
    };
    let expected = shape.keys.len();
    let set = expected + shape.equal.len();
    for (offset, assignment) in shape.sets.iter().enumerate() {
        if offset > 0 {
            sql.push_str(", ");
        }
        match assignment {
            Set::To(column) => {
                quoted(&mut sql, column);
                sql.push_str(" = ");
            }
            Set::Add(column) => {
                quoted(&mut sql, column);
                let _ = write!(sql, " = t.\"{column}\" + ");
            }
        }
        value(&mut sql, set + offset);
    }
    if !single {
        match backend {
            Backend::Sqlite => sql.push_str(" FROM v"),
            Backend::Postgres => {
                sql.push_str(" FROM ");
                unnest(&mut sql, kinds);
                sql.push_str(" AS v (");
                list(&mut sql, &(0..kinds.len()).collect::<Vec<_>>(), |sql, index| {
                    let _ = write!(sql, "c{index}");
                });
                sql.push(')');
            }
        }
    }
    for (index, column) in shape.keys.iter().enumerate() {
        let _ = write!(sql, " {} t.\"{column}\" = ", if index == 0 { "WHERE" } else { "AND" });
        value(&mut sql, index);
    }
    for (offset, column) in shape.equal.iter().enumerate() {
        let same = if backend == Backend::Sqlite { "IS" } else { "IS NOT DISTINCT FROM" };
        let _ = write!(sql, " AND t.\"{column}\" {same} ");
        value(&mut sql, expected + offset);
    }
    checks(&mut sql, &shape.checks);
    sql
}

/// Adds to counters, one row per (name, shard); two parameters per row: name, delta.
pub(crate) fn count(backend: Backend, rows: usize) -> String {
    let source = match (backend, rows) {
        (Backend::Sqlite, 1) => "SELECT ?1, 0, ?2 WHERE true".to_owned(),
        (Backend::Sqlite, _) => {
            let mut sql = "SELECT column1, 0, column2 FROM (".to_owned();
            values(&mut sql, rows, 2);
            sql.push_str(") WHERE true");
            sql
        }
        (Backend::Postgres, 1) => format!("SELECT $1, {POSTGRES_SHARD}, $2"),
        (Backend::Postgres, _) => {
            format!("SELECT v.n, {POSTGRES_SHARD}, v.d FROM unnest($1::text[], $2::int8[]) AS v (n, d)")
        }
    };
    format!(
        "INSERT INTO counters (name, shard, value) {source} \
         ON CONFLICT (name, shard) DO UPDATE SET value = counters.value + excluded.value"
    )
}

fn checks(sql: &mut String, checks: &[Check]) {
    for check in checks {
        let _ = match check {
            Check::Null(column) => write!(sql, " AND t.\"{column}\" IS NULL"),
            Check::Below(column, limit) => write!(sql, " AND t.\"{column}\" < t.\"{limit}\""),
            Check::In(column, words) => {
                let _ = write!(sql, " AND t.\"{column}\" IN (");
                list(sql, words, |sql, word| {
                    // The words are constants of our own code; anything else becomes a word that no row holds.
                    let _ = write!(sql, "'{}'", if is_plain(word) { word } else { "" });
                });
                write!(sql, ")")
            }
        };
    }
}

fn values(sql: &mut String, rows: usize, columns: usize) {
    sql.push_str("VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            sql.push_str(if column == 0 { "?" } else { ",?" });
        }
        sql.push(')');
    }
}

fn numbered(sql: &mut String, columns: usize) {
    sql.push_str("VALUES (");
    for column in 1..=columns {
        let _ = write!(sql, "{}${column}", if column == 1 { "" } else { ", " });
    }
    sql.push(')');
}

fn unnest(sql: &mut String, kinds: &[&str]) {
    sql.push_str("unnest(");
    for (index, kind) in kinds.iter().enumerate() {
        let _ = write!(sql, "{}${}::{kind}", if index == 0 { "" } else { ", " }, index + 1);
    }
    sql.push(')');
}

fn list<T>(sql: &mut String, items: &[T], each: impl Fn(&mut String, &T)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            sql.push_str(", ");
        }
        each(sql, item);
    }
}

fn quoted(sql: &mut String, name: &str) {
    sql.push('"');
    sql.push_str(name);
    sql.push('"');
}

/// Most rows of one SQLite statement: 48 columns of that many rows stay below its limit of 32 766 parameters.
const SQLITE_ROWS_MAX: usize = 64;
/// Most rows of one PostgreSQL statement; bounds the memory of one message.
const POSTGRES_ROWS_MAX: usize = 1024;
/// Backends that commit at the same time count in different rows.
const POSTGRES_SHARD: &str = "pg_backend_pid() % 16";

#[cfg(test)]
mod tests;
