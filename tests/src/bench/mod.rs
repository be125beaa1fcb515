//! Benchmarks: each measures the optimised programs from outside, beside a ceiling measured in the same run, and judges its
//! own figure. A figure whose result is wrong is void, however fast it was.

mod ceiling;
mod figure;
mod issue;
mod load;
mod machine;
mod process;
mod server;
mod start;

use std::path::PathBuf;

use anyhow::Result;

pub use figure::{Better, Figure, table};
pub use machine::Machine;

/// What a benchmark works with.
#[derive(Debug, Clone)]
pub struct Bench {
    /// Where the optimised programs lie.
    pub programs: PathBuf,
    /// Administrator's URL of a private PostgreSQL, where there is one.
    pub postgres: Option<String>,
}

/// A benchmark by name.
pub struct Entry {
    /// Name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// Measures.
    pub run: fn(&Bench) -> Result<Vec<Figure>>,
}

/// All benchmarks, in the order in which they run. A new one is a line here.
pub const ALL: &[Entry] = &[
    Entry { name: "start", about: "empty directory to /ready, and memory when idle", run: start::run },
    Entry { name: "issue", about: "certificates issued a second over HTTPS", run: issue::run },
];
