//! Deleting one row that nobody changed meanwhile.

use certctl_db::{Guard, Unit};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait};

/// Deletes the row of `E` with this id at this revision.
pub(crate) fn at_revision<E, C>(unit: &mut Unit, entity: &'static str, (id, key): (C, &str), (revision, at): (C, i64))
where
    E: EntityTrait,
    C: ColumnTrait,
{
    let mut statement = Query::delete();
    statement.from_table(E::default()).and_where(id.eq(key)).and_where(revision.eq(at));
    unit.delete(statement, Guard::one(entity, key));
}
