//! Turns the units of a group into steps: statements that each take as many rows as may go together.

use std::collections::HashMap;

use crate::change::{Change, Shape};
use crate::unit::{Guard, OnConflict, Row, Statement, Unit, Write};

/// One kind of write with all its rows.
pub(crate) enum Step<'u> {
    Insert { on_conflict: OnConflict, rows: Vec<&'u Row> },
    Change { shape: &'u Shape, guarded: bool, rows: Vec<&'u Change> },
    Statement { statement: &'u Statement, guard: Option<&'u Guard> },
    Count { deltas: Vec<(&'u str, i64)> },
}

/// The steps of all units together. `rank` orders the tables of the inserts: what is referenced comes before what references.
pub(crate) fn merged<'u>(units: &[&'u Unit], rank: impl Fn(&str) -> usize) -> Vec<Step<'u>> {
    let mut steps = Vec::new();
    writes(&mut steps, units.iter().flat_map(|unit| &unit.first), true);
    inserts(&mut steps, units, rank);
    writes(&mut steps, units.iter().flat_map(|unit| &unit.then), true);
    counts(&mut steps, units);
    steps
}

/// The steps of one unit, each row on its own, so that the one that fails is known.
pub(crate) fn single<'u>(unit: &'u Unit, rank: impl Fn(&str) -> usize) -> Vec<Step<'u>> {
    let mut steps = Vec::new();
    writes(&mut steps, &unit.first, false);
    let mut rows: Vec<&Row> = unit.inserts.iter().collect();
    rows.sort_by_key(|row| rank(row.table));
    steps.extend(rows.into_iter().map(|row| Step::Insert { on_conflict: row.on_conflict, rows: vec![row] }));
    writes(&mut steps, &unit.then, false);
    counts(&mut steps, &[unit]);
    steps
}

fn inserts<'u>(steps: &mut Vec<Step<'u>>, units: &[&'u Unit], rank: impl Fn(&str) -> usize) {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    let mut known = HashMap::new();
    for row in units.iter().flat_map(|unit| &unit.inserts) {
        let at = *known.entry((row.model, row.on_conflict)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push(row);
    }
    groups.sort_by_key(|rows| rank(rows[0].table));
    steps.extend(groups.into_iter().map(|rows| Step::Insert { on_conflict: rows[0].on_conflict, rows }));
}

fn writes<'u>(steps: &mut Vec<Step<'u>>, writes: impl IntoIterator<Item = &'u Write>, merge: bool) {
    let mut known: HashMap<(&str, &Shape, bool), usize> = HashMap::new();
    for write in writes {
        match write {
            Write::Statement(statement, guard) => steps.push(Step::Statement { statement, guard: guard.as_ref() }),
            Write::Change(change) => {
                let key = (change.table, &change.shape, change.guarded);
                let at = known.get(&key).copied().filter(|_| merge);
                match at.map(|at| &mut steps[at]) {
                    Some(Step::Change { rows, .. }) => rows.push(change),
                    Some(Step::Insert { .. } | Step::Statement { .. } | Step::Count { .. }) | None => {
                        known.insert(key, steps.len());
                        steps.push(Step::Change { shape: &change.shape, guarded: change.guarded, rows: vec![change] });
                    }
                }
            }
        }
    }
    // Two processes that lock the rows of one table in the same order do not deadlock.
    for step in steps {
        if let Step::Change { rows, .. } = step {
            rows.sort_by(|a, b| a.cells.cmp(&b.cells));
        }
    }
}

fn counts<'u>(steps: &mut Vec<Step<'u>>, units: &[&'u Unit]) {
    let mut sums: HashMap<&str, i64> = HashMap::new();
    for (name, delta) in units.iter().flat_map(|unit| &unit.counts) {
        *sums.entry(name).or_default() += delta;
    }
    let mut deltas: Vec<_> = sums.into_iter().filter(|(_, delta)| *delta != 0).collect();
    deltas.sort_unstable();
    if !deltas.is_empty() {
        steps.push(Step::Count { deltas });
    }
}
