//! `cargo xtask test`: every suite, against private instances of what this machine has.
//!
//! Nothing of the system is changed without `--install`. Instances live in a temporary directory on free loopback ports and
//! end with the run. As root, tests run as an unprivileged user who owns that directory, but for those whose name says that
//! they need root (`needs_root`), or that they call the compiler (`compile_fail`).

mod build;
mod install;
mod postgres;
mod report;
mod suite;
mod workspace;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

pub(crate) use postgres::{Disk, Postgres, find as find_postgres};
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
    let began = Instant::now();
    let space = Workspace::new()?;
    crate::process::end_on_interrupt(space.path().to_path_buf())?;
    let source = space.reachable_source()?;
    let suites = build::build(&space, &source)?;
    println!("built {} suites in {} s", suites.len(), began.elapsed().as_secs());
    let postgres = find_postgres().map(|tools| Postgres::start(&tools, &space, Disk::Later)).transpose()?;
    let outcomes = suite::run_all(&suites, &space, &environment(&space, postgres.as_ref()), options.filter.as_deref());
    drop(postgres);
    let totals = report::print(&outcomes);
    let floor = if options.filter.is_none() { report::floor()? } else { 0 };
    totals.verdict(floor, is_ci())
}

/// What tests learn from their environment; `testkit` reads it.
fn environment(space: &Workspace, postgres: Option<&Postgres>) -> Vec<(&'static str, String)> {
    let shown = |path: PathBuf| path.display().to_string();
    let mut environment = vec![
        ("CERTCTL_TEST_TMP", shown(space.temporary())),
        ("CERTCTL_TEST_BIN", shown(space.programs())),
        ("TMPDIR", shown(space.temporary())),
        ("HOME", shown(space.temporary())),
    ];
    environment.extend(postgres.map(|server| ("CERTCTL_TEST_POSTGRES_URL", server.url())));
    environment
}

#[expect(clippy::disallowed_methods, reason = "the task's own configuration")]
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// A program by name, on PATH.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
}
