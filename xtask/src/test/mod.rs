//! `cargo xtask test`: every suite, against private instances of what this machine has.
//!
//! Nothing of the system is changed without `--install`. Instances live in a temporary directory on free loopback ports and
//! end with the run. As root, tests run as an unprivileged user who owns that directory, but for those whose name says that
//! they need root, or that they call the compiler.

mod install;
mod postgres;
mod report;
mod suites;
mod workspace;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

pub(crate) use postgres::{Postgres, find as find_postgres};
pub(crate) use workspace::Workspace;

/// How to test.
#[derive(Args)]
pub(crate) struct Options {
    /// First install what is missing (root only).
    #[arg(long)]
    install: bool,
    /// Run only tests whose name contains this.
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.install {
        install::missing()?;
    }
    let space = Workspace::new()?;
    let built = suites::build(&space)?;
    let postgres = match find_postgres() {
        Some(tools) => Some(Postgres::start(&tools, &space)?),
        None => None,
    };
    let mut environment: Vec<(&str, String)> = vec![
        ("CERTCTL_TEST_TMP", space.path().display().to_string()),
        ("CERTCTL_TEST_SKIPS", space.skips().display().to_string()),
        ("CERTCTL_TEST_BIN", space.programs().display().to_string()),
        ("TMPDIR", space.temporary().display().to_string()),
        ("HOME", space.temporary().display().to_string()),
    ];
    if let Some(server) = &postgres {
        environment.push(("CERTCTL_TEST_POSTGRES_URL", server.url()));
    }
    let suites = suites::run(&built, &space, &environment, options.filter.as_deref())?;
    drop(postgres);
    let outcome = report::print(&suites, &space)?;
    if options.filter.is_none() {
        report::check_floor(&outcome)?;
    }
    if outcome.failed > 0 {
        bail!("{} tests failed", outcome.failed);
    }
    if outcome.skipped > 0 && is_ci() {
        bail!("{} tests were skipped, and in CI a skip is a failure", outcome.skipped);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the task's own configuration")]
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Programs that a test may call, by name, wherever they lie.
fn find_program(name: &str, also: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(also.iter().map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}
