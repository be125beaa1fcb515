//! Writes every generated file of the checkout, or holds them against what would be written. `cargo xtask generate` calls it.

#![expect(clippy::print_stdout, reason = "a task speaks to the person who runs it")]

use std::path::PathBuf;

use anyhow::{Result, bail};
use certctl_tests::generate::FILES;
use clap::Parser;

/// Writes every generated file.
#[derive(Parser)]
struct Arguments {
    /// Root of the checkout.
    root: PathBuf,
    /// Write nothing; fail on a difference.
    #[arg(long)]
    check: bool,
}

fn main() -> Result<()> {
    let Arguments { root, check } = Arguments::parse();
    if check {
        let differing: Vec<String> = FILES.iter().filter_map(|file| file.difference(&root)).collect();
        if !differing.is_empty() {
            bail!("not what the code says; run `cargo xtask generate` and commit:\n{}", differing.join("\n"));
        }
        println!("generate: {} files, all true", FILES.len());
        return Ok(());
    }
    for file in FILES {
        if file.write(&root)? {
            println!("wrote {}", file.path);
        }
    }
    Ok(())
}
