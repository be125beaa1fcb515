//! Saying that a test did nothing, and why: the runner counts it as skipped, never as passed.

use std::io::Write;

/// Notes that the running test is skipped. Prefer [`crate::skip!`], which also returns.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "the runner's ledger is named by the environment")]
pub fn note(reason: &str, package: &str) {
    let test = std::thread::current().name().unwrap_or("unknown").to_owned();
    eprintln!("SKIP {test}: {reason} (package: {package})");
    if let Ok(ledger) = std::env::var("CERTCTL_TEST_SKIPS") {
        let line = format!("{test}\t{reason}\t{package}\n");
        let written =
            std::fs::OpenOptions::new().append(true).open(&ledger).and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("the ledger of skipped tests can be written");
    }
}

/// Ends the running test as skipped: `skip!("no PostgreSQL on this machine", "postgresql")`.
#[macro_export]
macro_rules! skip {
    ($reason:expr, $package:expr) => {{
        $crate::skip::note($reason, $package);
        return;
    }};
}
