//! How data is written: a table for the eye, the API's objects, or ids alone.

use std::future::Future;

use certctl_client::{Error, Query};
use certctl_wire::Page;
use serde::Serialize;
use serde_json::json;

use crate::args::{Format, Rows};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::session::Session;

/// How a thing looks in a table and alone.
pub(crate) trait Show: Serialize {
    /// Heads of the columns.
    const COLUMNS: &'static [&'static str];

    /// What `-o name` prints.
    fn id(&self) -> &str;

    /// One cell a column.
    fn row(&self) -> Vec<String>;

    /// All there is to see, as pairs.
    fn pairs(&self) -> Vec<(&'static str, String)>;
}

/// Rows per request when many are wanted.
const PER_PAGE_MAX: u32 = 500;

/// Reads as many pages as are wanted and shows their rows.
pub(crate) async fn list<T, F>(
    session: &mut Session<'_>,
    rows: &Rows,
    query: Query,
    fetch: impl Fn(Query) -> F,
) -> Result<()>
where
    T: Show,
    F: Future<Output = std::result::Result<Page<T>, Error>>,
{
    let wanted = if rows.all { usize::MAX } else { rows.limit as usize };
    let per_page = if rows.all { PER_PAGE_MAX } else { rows.limit.min(PER_PAGE_MAX) };
    let mut query = query.per_page(per_page);
    let mut found = Vec::new();
    let mut number = 1;
    let (total, at_least) = loop {
        let page = fetch(query.clone()).await?;
        let came = page.data.len();
        found.extend(page.data);
        let more = page.next_cursor.is_some() || (came == per_page as usize && (found.len() as u64) < page.total);
        if found.len() >= wanted || came == 0 || !more {
            break (page.total, page.total_is_minimum.unwrap_or_default());
        }
        number += 1;
        query = match page.next_cursor {
            Some(cursor) => query.after(cursor),
            None => query.page(number),
        };
    };
    found.truncate(wanted);
    match session.settings.format {
        Format::Json => json_data(session, &json!({ "data": found, "total": total })),
        Format::Name => found.iter().for_each(|item| session.console.data(item.id())),
        Format::Table => {
            let cells: Vec<_> = found.iter().map(Show::row).collect();
            let width = session.console.width.filter(|_| session.console.tty.output);
            session.console.data(&table(T::COLUMNS, &cells, width));
            session.say(&footer(found.len(), total, at_least));
        }
    }
    Ok(())
}

fn footer(shown: usize, total: u64, at_least: bool) -> String {
    let total_text = if at_least { format!("{total}+") } else { total.to_string() };
    if (shown as u64) < total || at_least {
        format!("{shown} of {total_text} shown; --limit N or --all for more")
    } else {
        format!("{total_text} in all")
    }
}

/// Shows one thing.
pub(crate) fn one<T: Show>(session: &mut Session<'_>, thing: &T) {
    one_as(session, thing, thing.id(), &thing.pairs());
}

/// Shows one thing in ways that are given.
pub(crate) fn one_as(session: &mut Session<'_>, thing: &impl Serialize, id: &str, pairs: &[(&'static str, String)]) {
    match session.settings.format {
        Format::Json => json_data(session, thing),
        Format::Name => session.console.data(id),
        Format::Table => session.console.data(&sheet(pairs)),
    }
}

/// Writes an object of the API.
pub(crate) fn json_data(session: &mut Session<'_>, thing: &impl Serialize) {
    // The wire's types have string keys only, so they can always be written.
    let text = serde_json::to_string_pretty(thing).unwrap_or_default();
    session.console.data(&text);
}

/// Columns, two spaces apart; cut to `width` with an ellipsis where one is given.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>], width: Option<usize>) -> String {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            widths[column] = widths[column].max(clean(cell).chars().count());
        }
    }
    if let Some(width) = width {
        fit(&mut widths, width);
    }
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, &width)| format!("{:<width$}", cut(&clean(cell), width)));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines = std::iter::once(line(&heads)).chain(rows.iter().map(|row| line(row)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Takes from the widest column until the line fits or nothing is left to take.
fn fit(widths: &mut [usize], width: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > COLUMN_MIN => *widest -= 1,
            Some(_) | None => return,
        }
    }
}

const COLUMN_MIN: usize = 8;

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Names and values below each other; pairs without a value are left out.
pub(crate) fn sheet(pairs: &[(&str, String)]) -> String {
    let shown: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = shown.iter().map(|(name, value)| format!("{name:<width$}  {}", clean(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// What came from elsewhere moves no cursor and sets no colour: control characters become `?`.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A time to the second, or `never` for what did not happen.
pub(crate) fn time(text: &str) -> String {
    if text == certctl_wire::NEVER {
        return "never".to_owned();
    }
    match (text.split_once('.'), text.ends_with('Z')) {
        (Some((seconds, _)), true) => format!("{seconds}Z"),
        (Some(_) | None, _) => text.to_owned(),
    }
}

/// A time that may be absent.
pub(crate) fn maybe_time(text: Option<&String>) -> String {
    text.map(|text| time(text)).unwrap_or_default()
}

/// A text that may be absent.
pub(crate) fn maybe(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

/// The failure of several things of which some went well.
pub(crate) fn partial(failures: Vec<(String, Failure)>, of: usize) -> Result<()> {
    let Some((_, first)) = failures.first() else { return Ok(()) };
    if of == 1 {
        return Err(first.clone());
    }
    let mut failure = first.clone();
    if failures.len() < of {
        failure.exit = Exit::Partial;
        failure.code = "partial".to_owned();
    }
    failure.message = format!("{} of {of} failed", failures.len());
    let details = failures.iter().map(|(id, failure)| format!("{id}: {}", failure.message));
    Err(failure.details(details.collect()))
}
