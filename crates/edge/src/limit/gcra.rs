//! The generic cell rate algorithm: a steady rate with a burst, in one number per key.

/// A rate: `burst` at once, then one every `interval_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    interval_ns: u64,
    burst: u32,
}

/// What a request is told about its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most requests at once.
    pub limit: u32,
    /// Requests left now.
    pub remaining: u32,
    /// Seconds until the budget is whole again, rounded up.
    pub reset_secs: u64,
    /// Seconds until the next request is admitted, rounded up; `None` when this one was.
    pub retry_after_secs: Option<u64>,
}

impl Quota {
    /// So many per second, and so many at once. Nothing when either is 0: the limit is off.
    #[must_use]
    pub fn per_second(rate: u32, burst: u32) -> Option<Self> {
        Self::new(rate, 1, burst)
    }

    /// So many per minute, all of them at once if need be.
    #[must_use]
    pub fn per_minute(count: u32) -> Option<Self> {
        Self::new(count, 60, count)
    }

    fn new(count: u32, seconds: u64, burst: u32) -> Option<Self> {
        if count == 0 || burst == 0 {
            return None;
        }
        Some(Self { interval_ns: seconds * NANOS / u64::from(count), burst })
    }

    /// Takes one from the budget. `arrival` is the theoretical arrival time kept for the key, `None` for a new one; both times are in
    /// nanoseconds of one clock. Answers what to keep and what to say.
    #[must_use]
    pub(crate) fn take(&self, arrival: Option<u64>, now: u64) -> (u64, Budget) {
        let window = self.interval_ns * u64::from(self.burst);
        let base = arrival.unwrap_or(now).max(now);
        let next = base + self.interval_ns;
        let admitted = next <= now + window;
        let kept = if admitted { next } else { base };
        let remaining = u32::try_from((now + window).saturating_sub(kept) / self.interval_ns).unwrap_or(u32::MAX);
        let wait = (!admitted).then(|| secs_up(next - now - window));
        let budget = Budget { limit: self.burst, remaining, reset_secs: secs_up(kept - now), retry_after_secs: wait };
        (kept, budget)
    }

    /// How long a key matters after its last request, in nanoseconds.
    pub(crate) fn window_ns(&self) -> u64 {
        self.interval_ns * u64::from(self.burst)
    }
}

fn secs_up(nanos: u64) -> u64 {
    nanos.div_ceil(NANOS)
}

const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        let quota = Quota::per_second(10, 3).unwrap();
        let mut kept = None;
        let mut admitted = Vec::new();
        for now in [0, 0, 0, 0, 100_000_000, 100_000_000, 350_000_000] {
            let (next, budget) = quota.take(kept, now);
            kept = Some(next);
            admitted.push(budget.retry_after_secs.is_none());
        }
        assert_eq!(admitted, [true, true, true, false, true, false, true]);
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let quota = Quota::per_minute(1).unwrap();
        let (kept, first) = quota.take(None, 0);
        assert_eq!((first.remaining, first.reset_secs, first.retry_after_secs), (0, 60, None));
        let (_, second) = quota.take(Some(kept), 10 * NANOS);
        assert_eq!(second.retry_after_secs, Some(50));
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate(rate in 1u32..50, burst in 1u32..50, gaps in proptest::collection::vec(0u64..300_000_000, 1..200)) {
            let quota = Quota::per_second(rate, burst).unwrap();
            let (mut now, mut kept, mut admitted) = (0, None, 0u64);
            for gap in gaps {
                now += gap;
                let (next, budget) = quota.take(kept, now);
                kept = Some(next);
                admitted += u64::from(budget.retry_after_secs.is_none());
            }
            prop_assert!(admitted <= u64::from(burst) + now / quota.interval_ns + 1);
        }
    }
}
