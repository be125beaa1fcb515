//! What was run, what was not, and whether that is enough.

use anyhow::{Context, Result, bail};

use super::suite::Outcome;

/// The totals of a run.
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

/// Output of what failed, one line per suite, the total alone on its line, then what was skipped and why.
pub(crate) fn print(outcomes: &[Outcome]) -> Totals {
    for outcome in outcomes.iter().filter(|outcome| outcome.failed > 0) {
        println!("\n---- {} ----\n{}", outcome.name, outcome.output);
    }
    println!();
    for Outcome { name, passed, failed, skips, seconds, .. } in outcomes {
        println!("{name:<44} {passed:>4} passed {failed:>3} failed {:>3} skipped {seconds:>7.1} s", skips.len());
    }
    let totals = Totals {
        passed: outcomes.iter().map(|outcome| outcome.passed).sum(),
        failed: outcomes.iter().map(|outcome| outcome.failed).sum(),
        skipped: outcomes.iter().map(|outcome| outcome.skips.len()).sum(),
    };
    println!("\n{} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.skipped);
    for outcome in outcomes {
        for skip in &outcome.skips {
            println!("skipped {}: {}: {} (package: {})", outcome.name, skip.test, skip.reason, skip.package);
        }
    }
    totals
}

/// The least number of tests there must be.
pub(crate) fn floor() -> Result<usize> {
    let path = crate::root().join("tests/floor.txt");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    text.trim().parse().context("tests/floor.txt holds one number")
}

impl Totals {
    /// Fewer tests than `floor` are a failure of their own, and in CI so is a skip. What was skipped is there all the same.
    pub(crate) fn verdict(&self, floor: usize, ci: bool) -> Result<()> {
        let known = self.passed + self.failed + self.skipped;
        if known < floor {
            bail!(
                "{known} tests, below the floor of {floor} in tests/floor.txt; lower it only with the tests you removed"
            );
        }
        if self.failed > 0 {
            bail!("{} tests failed", self.failed);
        }
        if self.skipped > 0 && ci {
            bail!("{} tests were skipped, and in CI a skip is a failure", self.skipped);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_judged_by_failures_by_the_floor_and_in_ci_by_skips() {
        let judged = |passed, failed, skipped, ci| {
            Totals { passed, failed, skipped }.verdict(10, ci).map_err(|error| error.to_string())
        };
        assert_eq!(judged(10, 0, 0, true), Ok(()));
        assert_eq!(judged(6, 0, 4, false), Ok(()), "skips explain what did not run");
        assert!(judged(6, 0, 4, true).is_err_and(|why| why.contains("4 tests were skipped")));
        assert!(judged(9, 0, 0, false).is_err_and(|why| why.contains("below the floor of 10")));
        assert!(judged(9, 1, 0, false).is_err_and(|why| why.contains("1 tests failed")));
    }

    #[test]
    fn the_floor_is_a_number_of_tests() {
        assert!(floor().expect("tests/floor.txt") > 0);
    }
}
