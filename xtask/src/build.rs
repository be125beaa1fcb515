//! Asking cargo to build, and where it put what it built.
//!
//! Everything is built for the whole workspace at once: cargo unites the features of all that is asked for together, so asking
//! for one package after the other would build the dependencies anew each time.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What a build made.
pub(crate) struct Built(Vec<Value>);

/// Every program of the workspace, without tests.
pub(crate) fn programs(source: &Path, also: &[&str]) -> Result<Built> {
    build(source, &[&["--workspace", "--bins"], also].concat())
}

/// `cargo build` with these arguments.
pub(crate) fn build(source: &Path, arguments: &[&str]) -> Result<Built> {
    let output = crate::cargo()
        .current_dir(source)
        .arg("build")
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo build {} ended with {}", arguments.join(" "), output.status);
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    Ok(Built(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()))
}

impl Built {
    /// Everything that was built, as cargo tells it.
    pub(crate) fn messages(&self) -> &[Value] {
        &self.0
    }

    /// Executables that are not test programs.
    pub(crate) fn programs(&self) -> impl Iterator<Item = PathBuf> {
        let programs = self.0.iter().filter(|message| message["profile"]["test"] == Value::Bool(false));
        programs.filter_map(|message| message["executable"].as_str().map(PathBuf::from))
    }

    /// The executable of this name.
    pub(crate) fn named(&self, name: &str) -> Result<PathBuf> {
        let found = self.programs().find(|program| program.file_name().is_some_and(|file| file == name));
        found.with_context(|| format!("the workspace has no program {name}"))
    }
}
