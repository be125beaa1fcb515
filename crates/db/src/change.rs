//! One guarded change of one row, declared by its key, what must still be true, and what becomes true. Changes with the same shape
//! are carried out together, many rows in one statement, on both databases.

use sea_orm::{EntityTrait, IdenStatic, Value};

use crate::cell::Cell;

/// `UPDATE table SET … WHERE key = … AND guard`, of exactly one row.
///
/// The row must exist and every expectation must hold, else the whole unit fails with [`DbError::Moved`](crate::DbError::Moved);
/// [`Change::unguarded`] lifts that.
#[derive(Clone, Debug)]
pub struct Change {
    pub(crate) table: &'static str,
    pub(crate) entity: &'static str,
    pub(crate) id: String,
    pub(crate) shape: Shape,
    /// Values in the order keys, expectations, sets.
    pub(crate) cells: Vec<Cell>,
    pub(crate) guarded: bool,
}

/// All of a change but its values: changes of equal shape merge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) keys: Vec<&'static str>,
    pub(crate) equal: Vec<&'static str>,
    pub(crate) checks: Vec<Check>,
    pub(crate) sets: Vec<Set>,
}

/// An expectation without a value of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Check {
    Null(&'static str),
    In(&'static str, &'static [&'static str]),
    Below(&'static str, &'static str),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Set {
    To(&'static str),
    Add(&'static str),
}

impl Change {
    /// A change of the row of `E` that `id` names; `entity` and `id` are what an error says. Give its key next, with [`Change::key`].
    pub fn of<E: EntityTrait>(entity: &'static str, id: impl ToString) -> Self {
        Self {
            table: E::default().table_name(),
            entity,
            id: id.to_string(),
            shape: Shape::default(),
            cells: Vec::new(),
            guarded: true,
        }
    }

    /// Part of the row's primary key. All keys come first, then the expectations, then what is set.
    #[must_use]
    pub fn key(mut self, column: impl IdenStatic, value: impl Into<Value>) -> Self {
        debug_assert!(self.shape.equal.is_empty() && self.shape.sets.is_empty(), "keys come first");
        self.shape.keys.push(column.as_str());
        self.cells.push(Cell::from(value.into()));
        self
    }

    /// The column must still hold this value; NULL equals NULL.
    #[must_use]
    pub fn expect(mut self, column: impl IdenStatic, value: impl Into<Value>) -> Self {
        debug_assert!(self.shape.sets.is_empty(), "expectations come before what is set");
        self.shape.equal.push(column.as_str());
        self.cells.push(Cell::from(value.into()));
        self
    }

    /// The column must still be NULL.
    #[must_use]
    pub fn expect_null(mut self, column: impl IdenStatic) -> Self {
        self.shape.checks.push(Check::Null(column.as_str()));
        self
    }

    /// The column must hold one of these words: ASCII letters, digits, `_` and `-` only.
    #[must_use]
    pub fn expect_in(mut self, column: impl IdenStatic, words: &'static [&'static str]) -> Self {
        debug_assert!(words.iter().all(|word| is_plain(word)), "states are plain words");
        self.shape.checks.push(Check::In(column.as_str(), words));
        self
    }

    /// The column must be less than the other column of the same row.
    #[must_use]
    pub fn expect_below(mut self, column: impl IdenStatic, limit: impl IdenStatic) -> Self {
        self.shape.checks.push(Check::Below(column.as_str(), limit.as_str()));
        self
    }

    /// The column becomes `value`.
    #[must_use]
    pub fn set(mut self, column: impl IdenStatic, value: impl Into<Value>) -> Self {
        self.shape.sets.push(Set::To(column.as_str()));
        self.cells.push(Cell::from(value.into()));
        self
    }

    /// The column becomes its present value plus `delta`.
    #[must_use]
    pub fn add(mut self, column: impl IdenStatic, delta: i64) -> Self {
        self.shape.sets.push(Set::Add(column.as_str()));
        self.cells.push(Cell::Int(Some(delta)));
        self
    }

    /// Changes the row if it is there and as expected, and does nothing otherwise.
    #[must_use]
    pub fn unguarded(mut self) -> Self {
        self.guarded = false;
        self
    }
}

pub(crate) fn is_plain(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
