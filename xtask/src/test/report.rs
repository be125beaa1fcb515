//! What was run, what was not, and whether that is enough.

use anyhow::{Context, Result, bail};

use super::Workspace;
use super::suites::Outcome;

/// The totals of a run.
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

pub(crate) fn print(suites: &[Outcome], space: &Workspace) -> Result<Totals> {
    let skips = std::fs::read_to_string(space.skips()).context("reading what was skipped")?;
    let skips: Vec<Vec<&str>> = skips.lines().map(|line| line.split('\t').collect()).collect();
    for suite in suites.iter().filter(|suite| suite.failed > 0) {
        println!("\n---- {} ----\n{}", suite.name, suite.output);
    }
    println!();
    for suite in suites {
        println!("{:<60} {:>4} passed {:>3} failed {:>7.1} s", suite.name, suite.passed, suite.failed, suite.seconds);
    }
    let passed: usize = suites.iter().map(|suite| suite.passed).sum();
    let failed = suites.iter().map(|suite| suite.failed).sum();
    let totals = Totals { passed: passed.saturating_sub(skips.len()), failed, skipped: skips.len() };
    println!("\n{} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.skipped);
    for skip in &skips {
        if let [test, reason, package] = skip.as_slice() {
            println!("skipped {test}: {reason} (package: {package})");
        }
    }
    Ok(totals)
}

/// Fewer tests than there were is a failure of its own.
pub(crate) fn check_floor(totals: &Totals) -> Result<()> {
    let path = crate::root().join("tests/floor.txt");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let floor: usize =
        text.lines().find_map(|line| line.trim().parse().ok()).context("tests/floor.txt holds no number")?;
    let ran = totals.passed + totals.failed + totals.skipped;
    if ran < floor {
        bail!(
            "{ran} tests ran, below the floor of {floor} in tests/floor.txt; lower it only with the tests you removed"
        );
    }
    Ok(())
}
