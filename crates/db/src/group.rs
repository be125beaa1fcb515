//! Carries out a group of units in one transaction: first all together, then, when that fails, halved under savepoints until the units
//! that cannot be are alone. A failed unit costs its group a few more statements, never its success.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::{PostgresQueryBuilder, SqliteQueryBuilder, Values};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, Sqlite};

use crate::cell::{Cell, bind_postgres, bind_postgres_column, bind_sqlite};
use crate::change::{Change, Shape};
use crate::connect::Writer;
use crate::plan::{self, Step};
use crate::unit::{OnConflict, Row, Statement, Unit};
use crate::{Backend, DbError, dialect};

/// One attempt at a group; lives as long as its committer, for the statements it has written before.
pub(crate) struct Group {
    backend: Backend,
    rank: fn(&str) -> usize,
    statements: Statements,
}

/// A transaction of either driver. Dropped without [`Txn::commit`], it rolls back.
pub(crate) enum Txn {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

enum Arguments {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl Group {
    pub(crate) fn new(backend: Backend, rank: fn(&str) -> usize) -> Self {
        Self { backend, rank, statements: Statements::default() }
    }

    /// Commits all units together, or tells the first failure and writes nothing. Calls `written` before COMMIT is sent.
    pub(crate) async fn together(
        &mut self,
        writer: &Writer,
        units: &[&Unit],
        written: impl FnOnce(),
    ) -> Result<(), DbError> {
        let mut txn = Txn::begin(writer).await?;
        match self.run(&mut txn, plan::merged(units, self.rank)).await {
            Ok(()) => {
                written();
                txn.commit().await
            }
            Err(error) => {
                // A rollback that fails leaves the connection to its pool's own check; the first error is the one to tell.
                let _ = txn.rollback().await;
                Err(error)
            }
        }
    }

    /// Commits every unit that can be, and tells each unit's outcome. The outer error is that of the connection or of the COMMIT.
    pub(crate) async fn apart(
        &mut self,
        writer: &Writer,
        units: &[&Unit],
    ) -> Result<Vec<Result<(), DbError>>, DbError> {
        let mut outcomes: Vec<Result<(), DbError>> = units.iter().map(|_| Ok(())).collect();
        let mut txn = Txn::begin(writer).await?;
        // Halves in order, so that of two units in conflict the one that came first wins.
        let mut ranges = halves(0, units.len());
        while let Some((from, to)) = ranges.pop() {
            let steps = if to - from == 1 {
                plan::single(units[from], self.rank)
            } else {
                plan::merged(&units[from..to], self.rank)
            };
            txn.raw("SAVEPOINT unit").await?;
            match self.run(&mut txn, steps).await {
                Ok(()) => txn.raw("RELEASE SAVEPOINT unit").await?,
                Err(error) if !error.is_of_the_unit() => {
                    let _ = txn.rollback().await;
                    return Err(error);
                }
                Err(error) => {
                    txn.raw("ROLLBACK TO SAVEPOINT unit").await?;
                    txn.raw("RELEASE SAVEPOINT unit").await?;
                    if to - from == 1 {
                        outcomes[from] = Err(error);
                    } else {
                        ranges.extend(halves(from, to));
                    }
                }
            }
        }
        txn.commit().await?;
        Ok(outcomes)
    }

    async fn run(&mut self, txn: &mut Txn, steps: Vec<Step<'_>>) -> Result<(), DbError> {
        for step in steps {
            match step {
                Step::Insert { on_conflict, rows } => self.insert(txn, on_conflict, &rows).await?,
                Step::Change { shape, guarded, rows } => self.change(txn, shape, guarded, &rows).await?,
                Step::Statement { statement, guard } => {
                    let (sql, arguments) = statement.build(self.backend)?;
                    let touched = txn.execute(sql.into(), arguments).await?;
                    if let Some(guard) = guard
                        && guard.rows != touched
                    {
                        return Err(DbError::Moved { entity: guard.entity, id: guard.id.clone() });
                    }
                }
                Step::Count { deltas } => self.count(txn, &deltas).await?,
            }
        }
        Ok(())
    }

    async fn insert(&mut self, txn: &mut Txn, on_conflict: OnConflict, mut rows: &[&Row]) -> Result<(), DbError> {
        while let Some(first) = rows.first() {
            let (now, later) = rows.split_at(dialect::chunk(self.backend, rows.len()));
            let sql = self.statements.insert(self.backend, first, on_conflict, now.len());
            let cells: Vec<&[Cell]> = now.iter().map(|row| row.cells.as_slice()).collect();
            let touched = txn.execute(sql, Arguments::of_rows(self.backend, &cells)?).await?;
            if on_conflict == OnConflict::Fail && touched != now.len() as u64 {
                return Err(DbError::Moved { entity: first.table, id: String::new() });
            }
            rows = later;
        }
        Ok(())
    }

    async fn change(
        &mut self,
        txn: &mut Txn,
        shape: &Shape,
        guarded: bool,
        mut rows: &[&Change],
    ) -> Result<(), DbError> {
        while let Some(first) = rows.first() {
            let (now, later) = rows.split_at(dialect::chunk(self.backend, rows.len()));
            let sql = self.statements.change(self.backend, first, shape, now.len());
            let cells: Vec<&[Cell]> = now.iter().map(|row| row.cells.as_slice()).collect();
            let touched = txn.execute(sql, Arguments::of_rows(self.backend, &cells)?).await?;
            if guarded && touched != now.len() as u64 {
                return Err(DbError::Moved { entity: first.entity, id: first.id.clone() });
            }
            rows = later;
        }
        Ok(())
    }

    async fn count(&mut self, txn: &mut Txn, deltas: &[(&str, i64)]) -> Result<(), DbError> {
        let cells: Vec<[Cell; 2]> =
            deltas.iter().map(|(name, delta)| [Cell::Text(Some(Arc::from(*name))), Cell::Int(Some(*delta))]).collect();
        let mut rows: &[[Cell; 2]] = &cells;
        while !rows.is_empty() {
            let (now, later) = rows.split_at(dialect::chunk(self.backend, rows.len()));
            let sql = dialect::count(self.backend, now.len());
            let cells: Vec<&[Cell]> = now.iter().map(<[Cell; 2]>::as_slice).collect();
            txn.execute(sql.into(), Arguments::of_rows(self.backend, &cells)?).await?;
            rows = later;
        }
        Ok(())
    }
}

/// Both halves of a range, the earlier one last: ranges are popped.
fn halves(from: usize, to: usize) -> Vec<(usize, usize)> {
    let middle = from + (to - from).div_ceil(2);
    [(middle, to), (from, middle)].into_iter().filter(|(from, to)| from < to).collect()
}

impl Txn {
    /// On SQLite `BEGIN IMMEDIATE`: a transaction that will write never has to be promoted, so it waits at its start or not at all.
    pub(crate) async fn begin(writer: &Writer) -> Result<Self, DbError> {
        Ok(match writer {
            Writer::Sqlite(pool) => Self::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Writer::Postgres(pool) => Self::Postgres(pool.begin().await?),
        })
    }

    async fn execute(&mut self, sql: Arc<str>, arguments: Arguments) -> Result<u64, DbError> {
        match (self, arguments) {
            (Self::Sqlite(txn), Arguments::Sqlite(arguments)) => {
                let done = sqlx::query_with(AssertSqlSafe(sql).into_sql_str(), arguments).execute(&mut **txn).await?;
                Ok(done.rows_affected())
            }
            (Self::Postgres(txn), Arguments::Postgres(arguments)) => {
                let done = sqlx::query_with(AssertSqlSafe(sql).into_sql_str(), arguments).execute(&mut **txn).await?;
                Ok(done.rows_affected())
            }
            (Self::Sqlite(_), Arguments::Postgres(_)) | (Self::Postgres(_), Arguments::Sqlite(_)) => {
                Err(DbError::foreign())
            }
        }
    }

    async fn raw(&mut self, sql: &'static str) -> Result<(), DbError> {
        match self {
            Self::Sqlite(txn) => sqlx::raw_sql(sql).execute(&mut **txn).await.map(drop)?,
            Self::Postgres(txn) => sqlx::raw_sql(sql).execute(&mut **txn).await.map(drop)?,
        }
        Ok(())
    }

    /// A connection lost here leaves the outcome unknown, and the error says so.
    async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(txn) => txn.commit().await,
            Self::Postgres(txn) => txn.commit().await,
        }
        .map_err(|error| DbError::from(error).commit_lost())
    }

    async fn rollback(self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(txn) => txn.rollback().await?,
            Self::Postgres(txn) => txn.rollback().await?,
        }
        Ok(())
    }
}

impl Arguments {
    fn of_rows(backend: Backend, rows: &[&[Cell]]) -> Result<Self, DbError> {
        match backend {
            Backend::Sqlite => {
                let mut arguments = SqliteArguments::default();
                for cell in rows.iter().flat_map(|row| row.iter()) {
                    bind_sqlite(&mut arguments, cell)?;
                }
                Ok(Self::Sqlite(arguments))
            }
            Backend::Postgres => {
                let mut arguments = PgArguments::default();
                if let [row] = rows {
                    for cell in *row {
                        bind_postgres(&mut arguments, cell)?;
                    }
                } else {
                    for column in 0..rows.first().map_or(0, |row| row.len()) {
                        let column: Vec<&Cell> = rows.iter().map(|row| &row[column]).collect();
                        bind_postgres_column(&mut arguments, &column)?;
                    }
                }
                Ok(Self::Postgres(arguments))
            }
        }
    }

    fn of_values(backend: Backend, values: Values) -> Result<Self, DbError> {
        let cells: Vec<Cell> = values.into_iter().map(Cell::from).collect();
        Self::of_rows(backend, &[&cells])
    }
}

impl Statement {
    fn build(&self, backend: Backend) -> Result<(String, Arguments), DbError> {
        let (sql, values) = match (self, backend) {
            (Self::Insert(statement), Backend::Sqlite) => statement.build(SqliteQueryBuilder),
            (Self::Insert(statement), Backend::Postgres) => statement.build(PostgresQueryBuilder),
            (Self::Update(statement), Backend::Sqlite) => statement.build(SqliteQueryBuilder),
            (Self::Update(statement), Backend::Postgres) => statement.build(PostgresQueryBuilder),
            (Self::Delete(statement), Backend::Sqlite) => statement.build(SqliteQueryBuilder),
            (Self::Delete(statement), Backend::Postgres) => statement.build(PostgresQueryBuilder),
        };
        Ok((sql, Arguments::of_values(backend, values)?))
    }
}

/// Statements written before, by what they do and their number of rows.
#[derive(Default)]
struct Statements {
    inserts: HashMap<(std::any::TypeId, OnConflict, usize), Arc<str>>,
    changes: HashMap<&'static str, HashMap<Shape, HashMap<usize, Arc<str>>>>,
}

impl Statements {
    fn insert(&mut self, backend: Backend, row: &Row, on_conflict: OnConflict, rows: usize) -> Arc<str> {
        let key = (row.model, on_conflict, same_statement(backend, rows));
        let sql = self.inserts.entry(key).or_insert_with(|| {
            let kinds: Vec<&str> = row.cells.iter().map(Cell::array_type).collect();
            dialect::insert(backend, row.table, &(row.columns)(), &kinds, on_conflict, rows).into()
        });
        sql.clone()
    }

    fn change(&mut self, backend: Backend, change: &Change, shape: &Shape, rows: usize) -> Arc<str> {
        let shapes = self.changes.entry(change.table).or_default();
        if !shapes.contains_key(shape) {
            shapes.insert(shape.clone(), HashMap::new());
        }
        let sizes = shapes.get_mut(shape).expect("inserted above");
        let sql = sizes.entry(same_statement(backend, rows)).or_insert_with(|| {
            let kinds: Vec<&str> = change.cells.iter().map(Cell::array_type).collect();
            dialect::change(backend, change.table, shape, &kinds, rows).into()
        });
        sql.clone()
    }
}

/// PostgreSQL's statement differs only between one row and many.
fn same_statement(backend: Backend, rows: usize) -> usize {
    match backend {
        Backend::Sqlite => rows,
        Backend::Postgres => rows.min(2),
    }
}
