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

/// Fewer tests than there were is a failure of its own.
pub(crate) fn check_floor(totals: &Totals) -> Result<()> {
    let path = crate::root().join("tests/floor.txt");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let floor: usize = text.trim().parse().context("tests/floor.txt holds one number")?;
    let ran = totals.passed + totals.failed + totals.skipped;
    if ran < floor {
        bail!("{ran} tests, below the floor of {floor} in tests/floor.txt; lower it only with the tests you removed");
    }
    Ok(())
}
