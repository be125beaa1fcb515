//! Measurements, made on the optimised programs beside a private PostgreSQL.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::test::{Disk, Postgres, Workspace, find_postgres};

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
    let bench = crate::build::programs(&crate::root(), &["--release"])?.named("bench")?;
    let programs = bench.parent().context("a program lies in a directory")?;
    let space = Workspace::new()?;
    crate::process::end_on_interrupt(space.path().to_path_buf())?;
    let server = find_postgres().map(|tools| Postgres::start(&tools, &space, Disk::Waited)).transpose()?;
    if server.is_none() {
        println!("no PostgreSQL on this machine: its figures are left out");
    }
    let mut bench = std::process::Command::new(&bench);
    bench.arg("--programs").arg(programs).args(&options.names);
    if let Some(server) = &server {
        bench.args(["--postgres", &server.url()]);
    }
    if let Some(json) = &options.json {
        bench.arg("--json").arg(json);
    }
    crate::checked(&mut bench)
}
