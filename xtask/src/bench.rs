//! Measurements, made on the optimised programs beside a private PostgreSQL.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::test::{Postgres, Workspace, find_postgres};

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
    let programs = build()?;
    let space = Workspace::new()?;
    crate::process::end_on_interrupt(space.path().to_path_buf())?;
    let server = find_postgres().map(|tools| Postgres::start(&tools, &space)).transpose()?;
    if server.is_none() {
        println!("no PostgreSQL on this machine: its figures are left out");
    }
    let mut bench = std::process::Command::new(programs.join("bench"));
    bench.arg("--programs").arg(&programs).args(&options.names);
    if let Some(server) = &server {
        bench.args(["--postgres", &server.url()]);
    }
    if let Some(json) = &options.json {
        bench.arg("--json").arg(json);
    }
    crate::checked(&mut bench)
}

/// Builds what is measured and what measures; the directory of both.
fn build() -> Result<PathBuf> {
    let output = crate::cargo()
        .args(["build", "--release", "--bins", "--message-format=json-render-diagnostics"])
        .args(["--package", "certctl-server", "--package", "certctl-agent", "--package", "certctl-tests"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("starting cargo")?;
    anyhow::ensure!(output.status.success(), "the optimised build failed");
    let messages = String::from_utf8_lossy(&output.stdout);
    let bench = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|message| message["target"]["name"] == "bench" && message["executable"].is_string())
        .context("cargo tells where it put the benchmarks")?;
    let executable = PathBuf::from(bench["executable"].as_str().unwrap_or_default());
    Ok(executable.parent().context("a program lies in a directory")?.to_path_buf())
}
