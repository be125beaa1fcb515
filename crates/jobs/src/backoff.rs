//! When a failed attempt is tried again.

/// Wait before the next attempt, in microseconds: `min(base × 2^(attempt − 1), 6 h, remaining life / 4)`, spread by ±20 %.
///
/// `attempt` counts from 1. `remaining_life` is what is left, in microseconds, of what the work must renew; none for work without an
/// end. `random` is any number; equal numbers give equal waits.
pub fn wait(base_seconds: i64, attempt: i64, remaining_life: Option<i64>, random: u64) -> i64 {
    let doublings = u32::try_from(attempt.saturating_sub(1).clamp(0, 30)).unwrap_or_default();
    let mut wait = base_seconds.max(1).saturating_mul(SECOND).saturating_mul(1 << doublings).min(LONGEST);
    if let Some(life) = remaining_life {
        wait = wait.min((life / 4).max(SECOND));
    }
    let spread = i64::try_from(random % 401).unwrap_or_default() - 200;
    wait + wait / 1000 * spread
}

const SECOND: i64 = 1_000_000;
const LONGEST: i64 = 6 * 3600 * SECOND;

#[cfg(test)]
mod tests {
    use super::{LONGEST, SECOND, wait};

    #[test]
    fn doubles_until_six_hours() {
        let middle = 200;
        assert_eq!(wait(60, 1, None, middle), 60 * SECOND);
        assert_eq!(wait(60, 2, None, middle), 120 * SECOND);
        assert_eq!(wait(60, 5, None, middle), 960 * SECOND);
        assert_eq!(wait(60, 400, None, middle), LONGEST);
    }

    #[test]
    fn leaves_time_for_three_more_tries() {
        assert_eq!(wait(3600, 1, Some(8 * 60 * SECOND), 200), 2 * 60 * SECOND);
        assert_eq!(wait(3600, 1, Some(-5), 200), SECOND);
    }

    #[test]
    fn spreads_by_a_fifth_each_way() {
        assert_eq!(wait(100, 1, None, 0), 80 * SECOND);
        assert_eq!(wait(100, 1, None, 400), 120 * SECOND);
    }
}
