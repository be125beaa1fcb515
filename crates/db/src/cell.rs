//! One value of a row on its way to either driver. The four kinds are all that the schema uses (booleans, 64-bit integers, text,
//! bytes); a NULL keeps its kind, because PostgreSQL needs the type of a parameter.

use std::sync::Arc;

use sea_orm::Value;
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

use crate::DbError;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Bool(Option<bool>),
    Int(Option<i64>),
    Text(Option<Arc<str>>),
    Bytes(Option<Arc<[u8]>>),
    /// A kind that no column has; refused when it is bound.
    Foreign,
}

impl Cell {
    /// The array type whose elements are of this cell's kind, as PostgreSQL writes it.
    pub(crate) fn array_type(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool[]",
            Self::Int(_) => "int8[]",
            Self::Text(_) | Self::Foreign => "text[]",
            Self::Bytes(_) => "bytea[]",
        }
    }
}

impl From<Value> for Cell {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the query layer has kinds for every database; ours uses four")]
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::TinyInt(value) => Self::Int(value.map(i64::from)),
            Value::SmallInt(value) => Self::Int(value.map(i64::from)),
            Value::Int(value) => Self::Int(value.map(i64::from)),
            Value::BigInt(value) => Self::Int(value),
            Value::TinyUnsigned(value) => Self::Int(value.map(i64::from)),
            Value::SmallUnsigned(value) => Self::Int(value.map(i64::from)),
            Value::Unsigned(value) => Self::Int(value.map(i64::from)),
            Value::BigUnsigned(None) => Self::Int(None),
            Value::BigUnsigned(Some(value)) => {
                i64::try_from(value).map_or(Self::Foreign, |value| Self::Int(Some(value)))
            }
            Value::String(value) => Self::Text(value.map(Arc::from)),
            Value::Bytes(value) => Self::Bytes(value.map(Arc::from)),
            _ => Self::Foreign,
        }
    }
}

pub(crate) fn bind_sqlite(arguments: &mut SqliteArguments, cell: &Cell) -> Result<(), DbError> {
    match cell {
        Cell::Bool(value) => arguments.add(*value),
        Cell::Int(value) => arguments.add(*value),
        Cell::Text(value) => arguments.add(value.clone()),
        Cell::Bytes(value) => arguments.add(value.clone()),
        Cell::Foreign => return Err(DbError::foreign()),
    }
    .map_err(DbError::bind)
}

pub(crate) fn bind_postgres(arguments: &mut PgArguments, cell: &Cell) -> Result<(), DbError> {
    match cell {
        Cell::Bool(value) => arguments.add(*value),
        Cell::Int(value) => arguments.add(*value),
        Cell::Text(value) => arguments.add(value.as_deref()),
        Cell::Bytes(value) => arguments.add(value.as_deref()),
        Cell::Foreign => return Err(DbError::foreign()),
    }
    .map_err(DbError::bind)
}

/// Binds one column of many rows as one array parameter.
pub(crate) fn bind_postgres_column(arguments: &mut PgArguments, column: &[&Cell]) -> Result<(), DbError> {
    macro_rules! array {
        ($kind:ident, $value:ident => $get:expr) => {
            column
                .iter()
                .map(|cell| if let Cell::$kind($value) = cell { Ok($get) } else { Err(DbError::foreign()) })
                .collect::<Result<Vec<_>, _>>()?
        };
    }
    match column.first() {
        None => return Ok(()),
        Some(Cell::Bool(_)) => arguments.add(array!(Bool, value => *value)),
        Some(Cell::Int(_)) => arguments.add(array!(Int, value => *value)),
        Some(Cell::Text(_)) => arguments.add(array!(Text, value => value.as_deref())),
        Some(Cell::Bytes(_)) => arguments.add(array!(Bytes, value => value.as_deref())),
        Some(Cell::Foreign) => return Err(DbError::foreign()),
    }
    .map_err(DbError::bind)
}
