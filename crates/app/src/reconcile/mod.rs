//! Loops that compare what should be with what is, and move one bounded step. A wake says "look", never "what": first run,
//! retry, restart and second replica take one path.

pub mod deploy;
pub mod outbox;
pub mod recover;
pub mod renewal;
pub mod reserved;
pub mod timeout;

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

/// Rows of one pass.
pub(crate) const BATCH: u16 = 200;
