//! What all edits of configuration share: ids a caller may bring, references it names, the revision it expects, and another
//! look when somebody else was faster.

use std::str::FromStr;

use certctl_db::{DbError, Unit};
use certctl_domain::ids::IdError;
use certctl_domain::refusal::{Refusal, Refusals};
use futures::future::BoxFuture;

use crate::error::{Error, Result};
use crate::world::App;

/// How often an edit is decided anew when the row moved between reading and writing.
pub(crate) const LOOKS: u32 = 4;

/// What became of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is on record.
    Done,
    /// A row it depends on moved: read and decide again.
    Moved,
}

/// Decides what an agent says anew when a row it depends on moved meanwhile: the agent would take a refusal for the end of its
/// job, and the job would wait for its lease to run out. After the last look it is asked to come again.
pub(crate) async fn anew<'a, T>(decide: impl Fn() -> BoxFuture<'a, Result<T>> + Send) -> Result<T> {
    for _ in 0..LOOKS {
        match decide().await {
            Err(error) if error.is_moved() => {}
            answer => return answer,
        }
    }
    Err(DbError::Busy.into())
}

/// The names under which the constraints of one sort of thing are reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    /// What a person calls it.
    pub(crate) what: &'static str,
    /// Its table.
    pub(crate) table: &'static str,
}

impl App {
    /// Commits an edit of `subject` and says in its caller's words what stood in the way.
    pub(crate) async fn commit_edit(&self, subject: Subject, unit: Unit) -> Result<Committed> {
        match self.db().commit(unit).await {
            Ok(()) => Ok(Committed::Done),
            Err(DbError::Moved { .. }) => Ok(Committed::Moved),
            Err(error) => Err(in_the_way(subject, error)),
        }
    }

    /// Commits the creation of `subject`.
    pub(crate) async fn commit_new(&self, subject: Subject, unit: Unit) -> Result<()> {
        match self.commit_edit(subject, unit).await? {
            Committed::Done => Ok(()),
            Committed::Moved => Err(busy(subject.what)),
        }
    }
}

/// Everybody else was faster, again and again.
pub(crate) fn busy(what: &str) -> Error {
    Error::conflict("state_changed", format!("the {what} is being changed by others; read it again"))
}

/// The revision named by the caller, if any, must be the stored one.
pub(crate) fn expect(current: i64, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(revision) if revision != current => Err(Error::Stale { current }),
        Some(_) | None => Ok(()),
    }
}

/// The id the caller brought, or a fresh one.
pub(crate) fn id_or<T>(given: Option<&str>, fresh: impl FnOnce() -> T, refusals: &mut Refusals) -> T
where
    T: FromStr<Err = IdError>,
{
    let Some(text) = given else { return fresh() };
    T::from_str(text).unwrap_or_else(|error| {
        refusals.push(Refusal::invalid("id", error.to_string()));
        fresh()
    })
}

/// An id that names something else; a text outside the character set names nothing.
pub(crate) fn reference<T>(field: &str, text: &str, refusals: &mut Refusals) -> Option<T>
where
    T: FromStr<Err = IdError>,
{
    if text.is_empty() {
        refusals.push(Refusal::invalid(field, "is required"));
        return None;
    }
    match T::from_str(text) {
        Ok(id) => Some(id),
        Err(error) => {
            refusals.push(Refusal::invalid(field, error.to_string()));
            None
        }
    }
}

/// A reference to something that does not exist.
pub(crate) fn unknown(field: &str, what: &str, id: impl AsRef<str>) -> Refusal {
    Refusal::invalid(field, format!("{what} {} does not exist; list them and choose one", id.as_ref()))
}

/// A deletion that others still depend on, with how many do.
pub(crate) fn in_use(what: &str, counts: &[(&'static str, u64)]) -> Error {
    let used: Vec<String> = counts.iter().filter(|(_, n)| *n > 0).map(|(by, n)| format!("{n} {by}")).collect();
    Error::Conflict {
        code: "in_use",
        message: format!("the {what} is still used by {}; point them elsewhere first", used.join(", ")),
        details: counts.iter().map(|(by, n)| ((*by).to_owned(), n.to_string())).collect(),
    }
}

fn in_the_way(subject: Subject, error: DbError) -> Error {
    let Subject { what, table } = subject;
    match &error {
        DbError::Unique { table: of, columns } if of == table => {
            let (code, field) =
                if columns.iter().any(|column| column == "id") { ("id_taken", "id") } else { ("name_taken", "name") };
            let message = format!("a {what} with this {field} exists; choose another");
            Error::Conflict { code, message: format!("{field}: {message}"), details: vec![(field.to_owned(), message)] }
        }
        DbError::Reference { .. } => Error::conflict(
            "reference_changed",
            format!("something the {what} refers to, or that refers to it, changed; read again"),
        ),
        DbError::Unique { .. }
        | DbError::Moved { .. }
        | DbError::Refused { .. }
        | DbError::Unavailable { .. }
        | DbError::Connect { .. }
        | DbError::Full
        | DbError::Timeout { .. }
        | DbError::Corrupt(_)
        | DbError::Busy
        | DbError::Closed
        | DbError::Other(_) => error.into(),
    }
}

/// Adds the reasons of a check whose fields are not reported already: a field whose words cannot be read needs not also be
/// told to be empty.
pub(crate) fn add_new(checked: std::result::Result<(), Refusals>, refusals: &mut Refusals) {
    let Err(found) = checked else { return };
    for refusal in found.0 {
        let root = |field: &str| field.split(['[', '.']).next().unwrap_or_default().to_owned();
        if !refusals.0.iter().any(|known| root(&known.field) == root(&refusal.field)) {
            refusals.push(refusal);
        }
    }
}
