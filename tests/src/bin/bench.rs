//! Runs benchmarks and judges their figures. `cargo xtask bench` builds the programs, starts PostgreSQL and calls this.

#![expect(clippy::print_stdout, reason = "a task speaks to the person who runs it")]

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use certctl_tests::bench::{ALL, Bench, Entry, Machine, table};
use clap::Parser;

/// Measures, and judges the figures against their targets.
#[derive(Parser)]
struct Arguments {
    /// Where the optimised programs lie.
    #[arg(long)]
    programs: PathBuf,
    /// Administrator's URL of a PostgreSQL that may be filled.
    #[arg(long)]
    postgres: Option<String>,
    /// Write the figures there as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Benchmarks to run; all when none is named.
    names: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let entries = named(&arguments.names)?;
    println!("{}", Machine::look());
    let bench = Bench { programs: arguments.programs, postgres: arguments.postgres };
    let mut figures = Vec::new();
    for entry in entries {
        println!("{}: {}", entry.name, entry.about);
        figures.extend((entry.run)(&bench).with_context(|| entry.name)?);
    }
    println!("\n{}", table(&figures));
    if let Some(path) = arguments.json {
        std::fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")
            .with_context(|| format!("writing {}", path.display()))?;
    }
    let missed: Vec<&str> =
        figures.iter().filter(|figure| figure.holds() == Some(false)).map(|figure| figure.name.as_str()).collect();
    if !missed.is_empty() {
        bail!("void or below target: {}", missed.join(", "));
    }
    Ok(())
}

fn named(names: &[String]) -> Result<Vec<&'static Entry>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let find = |name: &String| {
        let known = || ALL.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
        ALL.iter()
            .find(|entry| entry.name == name)
            .with_context(|| format!("no benchmark {name}; there are: {}", known()))
    };
    names.iter().map(find).collect()
}
