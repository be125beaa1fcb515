//! The one place where the agent reads the clock and rolls dice.

use std::time::{Duration, SystemTime};

use certctl_pki::Timestamp;

/// Reads the clock.
pub(crate) type Clock = fn() -> Timestamp;

/// The host's clock.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the real clock is made here and passed on as an argument")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// `mean` up to a tenth shorter or longer, so that a fleet does not speak in chorus.
pub(crate) fn about(mean: Duration) -> Duration {
    let mut random = [0_u8; 2];
    // Without randomness all wait alike, which is harmless.
    let _ = aws_lc_rs::rand::fill(&mut random);
    let share = f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX);
    mean.mul_f64(0.9 + 0.2 * share)
}

/// Waits between attempts at the same thing: doubling, about.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    first: Duration,
    longest: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let first = first.min(longest);
        Self { next: first, first, longest }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (self.next * 2).min(self.longest);
        about(wait)
    }

    /// Something worked: the next wait is the first again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}
