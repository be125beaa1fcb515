//! Loops that compare what should be with what is, and move one bounded step. A wake says "look", never "what": first run,
//! retry, restart and second replica take one path.

pub mod deploy;
pub mod outbox;
pub mod recover;
pub mod renewal;
pub mod reserved;
pub mod timeout;

use std::fmt::Display;

use crate::error::{Error, Result};

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows looked at.
    pub seen: usize,
    /// Rows moved.
    pub moved: usize,
    /// More rows wait; look again at once.
    pub more: bool,
}

impl Report {
    /// Of a pass over this many rows, none of them moved yet.
    pub(crate) fn over(seen: usize) -> Self {
        Self { seen, moved: 0, more: seen == usize::from(BATCH) }
    }

    /// Counts what became of one row. One that cannot be worked on is logged and harms no other; a database that does not
    /// answer ends the pass.
    pub(crate) fn count(&mut self, doing: &str, row: impl Display, outcome: Result<bool>) -> Result<()> {
        match outcome {
            Ok(moved) => self.moved += usize::from(moved),
            Err(Error::Unavailable(error)) => return Err(Error::Unavailable(error)),
            Err(error) => {
                tracing::error!(row.id = %row, error = &error as &dyn std::error::Error, "{doing} {row} failed");
            }
        }
        Ok(())
    }
}

/// Rows of one pass.
pub(crate) const BATCH: u16 = 200;
