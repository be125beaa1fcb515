//! Whether this process wants requests, apart from whether it could answer them: not while it starts, nor while it stops.

use std::sync::atomic::{AtomicU8, Ordering};

/// What the process says of itself. Set by whoever starts and stops it.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not everything runs yet.
    Starting,
    /// It wants requests.
    Open,
    /// It is about to end; what is under way is finished.
    Draining,
}

impl Readiness {
    /// Everything runs.
    pub fn open(&self) {
        self.0.store(OPEN, Ordering::Relaxed);
    }

    /// The end has begun.
    pub fn close(&self) {
        self.0.store(DRAINING, Ordering::Relaxed);
    }

    /// Where the process is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            OPEN => Phase::Open,
            DRAINING => Phase::Draining,
            _ => Phase::Starting,
        }
    }
}

const OPEN: u8 = 1;
const DRAINING: u8 = 2;
