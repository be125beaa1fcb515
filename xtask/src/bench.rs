//! Measurements, made by the optimised build.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// Measurements to make; all of them when none is named.
    names: Vec<String>,
    /// Write the figures there as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    crate::checked(crate::cargo().args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "certctl-server",
        "--package",
        "certctl-agent",
        "--package",
        "certctl-tests",
    ]))?;
    let postgres = crate::test::find_postgres();
    let mut bench = crate::cargo();
    bench
        .args(["run", "--quiet", "--release", "--package", "certctl-tests", "--bin", "bench", "--"])
        .args(&options.names);
    if let Some(json) = &options.json {
        bench.arg("--json").arg(json);
    }
    match postgres {
        Some(tools) => {
            let space = crate::test::Workspace::new()?;
            let server = crate::test::Postgres::start(&tools, &space)?;
            bench.env("CERTCTL_TEST_POSTGRES_URL", server.url());
            let done = crate::checked(&mut bench);
            drop(server);
            done
        }
        None => {
            println!("no PostgreSQL on this machine: its figures are left out");
            crate::checked(&mut bench)
        }
    }
}
