//! Loops that compare what should be with what is, and move one bounded step. A wake says "look", never "what": first run,
//! retry, restart and second replica take one path.

pub mod deploy;
pub mod outbox;
pub mod recover;
pub mod renewal;
pub mod reserved;
pub mod timeout;

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use certctl_db::{DbError, Due, Place};
use futures::future::BoxFuture;

use crate::error::{Error, Result};
use crate::world::App;

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows looked at.
    pub seen: usize,
    /// Rows moved.
    pub moved: usize,
    /// Rows that cannot be read or worked on.
    pub failed: usize,
    /// More rows may wait behind these.
    pub more: bool,
}

/// Where passes go on. A full page is followed by the one behind it, whatever became of its rows, and the last page by the first:
/// so rows that stay where they are, because they cannot be read or worked on, are in nobody's way.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<&'static str, Place>>);

impl Places {
    /// Where this loop goes on; a pass that does not come to its end begins anew.
    pub(crate) fn take(&self, of: &'static str) -> Option<Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(of)
    }

    /// The pass of this loop is at the end of a page.
    pub(crate) fn walked<T>(&self, of: &'static str, page: &[Due<T>]) {
        if let Some(last) = page.last().filter(|_| page.len() == usize::from(BATCH)) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(of, last.place.clone());
        }
    }
}

impl App {
    /// Works on the rows of a page one after the other, and notes where this loop goes on.
    pub(crate) async fn walk<'a, T: Sync>(
        &self,
        of: &'static str,
        doing: &str,
        page: &'a [Due<T>],
        work: impl Fn(&'a T) -> BoxFuture<'a, Result<bool>> + Send,
    ) -> Result<Report> {
        let report = each(doing, page, work).await?;
        self.places().walked(of, page);
        Ok(report)
    }
}

/// Works on rows one after the other. One that cannot be read or worked on harms no other.
pub(crate) async fn each<'a, T: Sync>(
    doing: &str,
    page: &'a [Due<T>],
    work: impl Fn(&'a T) -> BoxFuture<'a, Result<bool>> + Send,
) -> Result<Report> {
    let mut report = Report::over(page.len());
    for Due { place, row } in page {
        let outcome = match readable(row) {
            Ok(row) => work(row).await,
            Err(error) => Err(error),
        };
        report.count(doing, place, outcome)?;
    }
    Ok(report)
}

/// A due row, if it can be read.
pub(crate) fn readable<T>(row: &Result<T, DbError>) -> Result<&T> {
    row.as_ref().map_err(|error| error.clone().into())
}

impl Report {
    /// Of a pass over this many rows, none of them moved yet.
    pub(crate) fn over(seen: usize) -> Self {
        Self { seen, moved: 0, failed: 0, more: seen == usize::from(BATCH) }
    }

    /// What another part of the pass did.
    pub(crate) fn add(&mut self, other: Self) {
        self.seen += other.seen;
        self.moved += other.moved;
        self.failed += other.failed;
        self.more |= other.more;
    }

    /// Counts what became of one row. One that cannot be worked on is logged and harms no other; a database that does not
    /// answer ends the pass.
    pub(crate) fn count(&mut self, doing: &str, row: impl Display, outcome: Result<bool>) -> Result<()> {
        match outcome {
            Ok(moved) => self.moved += usize::from(moved),
            Err(Error::Unavailable(error)) => return Err(Error::Unavailable(error)),
            Err(error) => {
                self.failed += 1;
                tracing::error!(row.id = %row, error = &error as &dyn std::error::Error, "{doing} {row} failed");
            }
        }
        Ok(())
    }
}

/// Rows of one pass.
pub(crate) const BATCH: u16 = 200;
