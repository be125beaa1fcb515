//! Project tasks. `cargo xtask --help` lists them; `.ci/run` is made of them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task speaks to the person who runs it")]

mod bench;
mod build;
mod generate;
mod layers;
mod process;
mod test;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

/// Project tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fail on a dependency between rooms that is not drawn.
    Layers,
    /// Write every generated file; with --check fail where one differs.
    Generate {
        /// Write nothing; fail on a difference.
        #[arg(long)]
        check: bool,
    },
    /// Run every test against private instances of what is found on this machine.
    Test(test::Options),
    /// Measure, and judge the figures against their targets.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Layers => layers::run(),
        Task::Generate { check } => generate::run(check),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Cargo, as it was called.
fn cargo() -> Command {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.current_dir(root());
    cargo
}

/// Runs a command and fails when it fails.
fn checked(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("starting {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}
