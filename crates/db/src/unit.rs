//! A unit of work: writes declared without touching the database, committed together or not at all.

use std::any::TypeId;

use sea_orm::sea_query::{DeleteStatement, InsertStatement, UpdateStatement};
use sea_orm::{EntityName, EntityTrait, IdenStatic, Iterable, ModelTrait};

use crate::Change;
use crate::cell::Cell;

/// Writes that become true together, at [`Db::commit`](crate::Db::commit).
///
/// Whatever the order of the calls, a unit is carried out in phases: changes and deletions marked *first* · inserts, referenced tables
/// before referencing ones · changes and statements in the order given · counters. Within a phase a unit must not rely on an order
/// between different tables. Units that wait at the same time share statements and one COMMIT, and each is judged alone when the shared
/// attempt fails, so one unit's conflict never reaches another.
#[derive(Debug, Default)]
pub struct Unit {
    pub(crate) first: Vec<Write>,
    pub(crate) inserts: Vec<Row>,
    pub(crate) then: Vec<Write>,
    pub(crate) counts: Vec<(String, i64)>,
    pub(crate) wakes: Vec<String>,
}

/// What a statement must have done, else the unit fails with [`DbError::Moved`](crate::DbError::Moved).
#[derive(Clone, Debug)]
pub struct Guard {
    pub(crate) entity: &'static str,
    pub(crate) id: String,
    pub(crate) rows: u64,
}

impl Guard {
    /// Exactly one row, that of this entity.
    pub fn one(entity: &'static str, id: impl ToString) -> Self {
        Self::exactly(1, entity, id)
    }

    /// Exactly `rows` rows of this entity.
    pub fn exactly(rows: u64, entity: &'static str, id: impl ToString) -> Self {
        Self { entity, id: id.to_string(), rows }
    }
}

/// A row to insert. Rows of one type and one kind of conflict merge into one statement.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) model: TypeId,
    pub(crate) table: &'static str,
    pub(crate) columns: fn() -> Vec<&'static str>,
    pub(crate) on_conflict: OnConflict,
    pub(crate) cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OnConflict {
    Fail,
    Ignore,
}

#[derive(Clone, Debug)]
pub(crate) enum Write {
    Change(Change),
    Statement(Statement, Option<Guard>),
}

#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Insert(Box<InsertStatement>),
    Update(Box<UpdateStatement>),
    Delete(Box<DeleteStatement>),
}

impl Unit {
    /// An empty unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was declared.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
            && self.inserts.is_empty()
            && self.then.is_empty()
            && self.counts.is_empty()
            && self.wakes.is_empty()
    }

    /// Inserts a row, all columns; an existing key fails the unit with [`DbError::Unique`](crate::DbError::Unique).
    pub fn insert<M: ModelTrait + 'static>(&mut self, model: &M) -> &mut Self {
        self.inserts.push(row(model, OnConflict::Fail));
        self
    }

    /// Inserts a row unless one with the same key, or another same unique value, exists.
    pub fn insert_or_ignore<M: ModelTrait + 'static>(&mut self, model: &M) -> &mut Self {
        self.inserts.push(row(model, OnConflict::Ignore));
        self
    }

    /// Changes one row after the inserts. Prefer this to [`Unit::update`]: changes of many units merge into one statement.
    pub fn change(&mut self, change: Change) -> &mut Self {
        self.then.push(Write::Change(change));
        self
    }

    /// Changes one row before the inserts, where an insert needs what the change frees: a unique value, an open key.
    pub fn change_first(&mut self, change: Change) -> &mut Self {
        self.first.push(Write::Change(change));
        self
    }

    /// Runs an UPDATE after the inserts; it must touch as many rows as the guard says.
    pub fn update(&mut self, statement: UpdateStatement, guard: Guard) -> &mut Self {
        self.then.push(Write::Statement(Statement::Update(Box::new(statement)), Some(guard)));
        self
    }

    /// Runs an UPDATE that may touch any number of rows.
    pub fn update_unguarded(&mut self, statement: UpdateStatement) -> &mut Self {
        self.then.push(Write::Statement(Statement::Update(Box::new(statement)), None));
        self
    }

    /// Runs a DELETE after the inserts; it must touch as many rows as the guard says.
    pub fn delete(&mut self, statement: DeleteStatement, guard: Guard) -> &mut Self {
        self.then.push(Write::Statement(Statement::Delete(Box::new(statement)), Some(guard)));
        self
    }

    /// Runs a DELETE that may touch any number of rows, after the inserts.
    pub fn delete_unguarded(&mut self, statement: DeleteStatement) -> &mut Self {
        self.then.push(Write::Statement(Statement::Delete(Box::new(statement)), None));
        self
    }

    /// Runs a DELETE before the inserts, where rows are replaced.
    pub fn delete_first(&mut self, statement: DeleteStatement) -> &mut Self {
        self.first.push(Write::Statement(Statement::Delete(Box::new(statement)), None));
        self
    }

    /// Runs an INSERT that no model expresses, such as one with its own conflict clause, after the other inserts.
    pub fn insert_statement(&mut self, statement: InsertStatement) -> &mut Self {
        self.then.push(Write::Statement(Statement::Insert(Box::new(statement)), None));
        self
    }

    /// Adds `delta` to a counter. Deltas of all units of a group are summed and written last.
    pub fn count(&mut self, counter: impl Into<String>, delta: i64) -> &mut Self {
        if delta != 0 {
            self.counts.push((counter.into(), delta));
        }
        self
    }

    /// Wakes the subscribers of `topic` on every replica once the unit is committed. A wake may be lost with a replica or its
    /// connection: subscribers also poll.
    pub fn wake(&mut self, topic: impl Into<String>) -> &mut Self {
        let topic = topic.into();
        if !self.wakes.contains(&topic) {
            self.wakes.push(topic);
        }
        self
    }

    /// Takes over all writes of `other`, after those already declared.
    pub fn append(&mut self, other: Unit) -> &mut Self {
        self.first.extend(other.first);
        self.inserts.extend(other.inserts);
        self.then.extend(other.then);
        self.counts.extend(other.counts);
        for topic in other.wakes {
            self.wake(topic);
        }
        self
    }
}

fn row<M: ModelTrait + 'static>(model: &M, on_conflict: OnConflict) -> Row {
    let cells = <M::Entity as EntityTrait>::Column::iter().map(|column| Cell::from(model.get(column))).collect();
    Row {
        model: TypeId::of::<M>(),
        table: <M::Entity as Default>::default().table_name(),
        columns: columns::<M>,
        on_conflict,
        cells,
    }
}

fn columns<M: ModelTrait>() -> Vec<&'static str> {
    <M::Entity as EntityTrait>::Column::iter().map(|column| column.as_str()).collect()
}
