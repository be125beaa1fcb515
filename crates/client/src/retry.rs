//! When a call is made again.

use std::time::Duration;

/// How failures are repeated: doubling pauses, up to a half more or less at random.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub tries: u32,
    /// Pause after the first failure.
    pub base: Duration,
    /// Longest pause; a server that asks for a longer one gets no second try.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { tries: 3, base: Duration::from_millis(250), longest: Duration::from_secs(10) }
    }
}

impl RetryPolicy {
    /// No second try.
    #[must_use]
    pub fn never() -> Self {
        Self { tries: 1, ..Self::default() }
    }

    /// The pause before try `tried + 1`; `None` when there is to be none. `spread` is between 0 and 1.
    pub(crate) fn pause(&self, tried: u32, asked: Option<Duration>, spread: f64) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        let doubled = self.base.saturating_mul(1u32.checked_shl(tried.saturating_sub(1)).unwrap_or(u32::MAX));
        let ours = doubled.min(self.longest).mul_f64(0.5 + spread.clamp(0.0, 1.0));
        match asked {
            Some(asked) if asked > self.longest => None,
            Some(asked) => Some(asked.max(ours)),
            None => Some(ours),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let policy = RetryPolicy::default();
        let millis = |tried| policy.pause(tried, None, 0.5).map(|pause| pause.as_millis());
        assert_eq!([millis(1), millis(2), millis(3)], [Some(250), Some(500), None]);
    }

    #[test]
    fn the_server_is_asked_no_sooner_than_it_wants() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, Some(Duration::from_secs(2)), 0.5), Some(Duration::from_secs(2)));
        assert_eq!(policy.pause(1, Some(Duration::from_secs(60)), 0.5), None, "nobody waits that long at a prompt");
    }
}
