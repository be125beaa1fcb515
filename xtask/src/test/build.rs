//! Building once what the tests run: the programs as they ship, the same programs with failpoints, the test programs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Workspace;
use super::suite::Suite;
use crate::build::{self, Built};

/// The cargo feature that holds failpoints; no default and no release build has it.
const FAULTS: &str = "faults";

/// Builds everything and puts it where the user who runs the tests can reach it.
pub(crate) fn build(space: &Workspace, source: &Path) -> Result<Vec<Suite>> {
    let rooms = Rooms::read(source)?;
    place(rooms.shipped(&build::programs(source, &[])?), &space.programs())?;

    let features = rooms.faults.join(",");
    let mut all = vec!["--workspace", "--bins", "--tests"];
    if !features.is_empty() {
        all.extend(["--features", &features]);
    }
    let built = build::build(source, &all)?;
    place(rooms.shipped(&built), &space.programs().join(FAULTS))?;

    let mut suites: Vec<Suite> = built.messages().iter().filter_map(suite).collect();
    let reachable = space.programs().join("suites");
    for suite in &mut suites {
        place([suite.program.clone()], &reachable)?;
        suite.program = reachable.join(suite.program.file_name().context("a program has a name")?);
    }
    suites.push(Suite::documentation(source, &rooms.faults));
    // The whole stack takes longest, so it starts first; the rest fills up.
    suites.sort_by_key(|suite| (!suite.name.starts_with("tests/"), suite.name.clone()));
    Ok(suites)
}

/// What the workspace builds.
struct Rooms {
    /// Names of the programs that ship.
    programs: Vec<String>,
    /// `package/faults` for every package with failpoints.
    faults: Vec<String>,
}

impl Rooms {
    fn read(source: &Path) -> Result<Self> {
        let output = crate::cargo()
            .current_dir(source)
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .context("asking cargo for its metadata")?;
        let metadata: Value = serde_json::from_slice(&output.stdout).context("reading cargo's metadata")?;
        let mut rooms = Self { programs: Vec::new(), faults: Vec::new() };
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let name = package["name"].as_str().unwrap_or_default();
            if package["features"].get(FAULTS).is_some() {
                rooms.faults.push(format!("{name}/{FAULTS}"));
            }
            let ships = package["manifest_path"].as_str().is_some_and(|path| path.contains("/crates/"));
            let targets = package["targets"].as_array().into_iter().flatten();
            for target in targets.filter(|target| ships && target["kind"][0] == "bin") {
                rooms.programs.push(target["name"].as_str().unwrap_or_default().to_owned());
            }
        }
        Ok(rooms)
    }

    /// Of what was built, that which ships.
    fn shipped<'a>(&'a self, built: &'a Built) -> impl Iterator<Item = PathBuf> + 'a {
        let ships = |path: &PathBuf| {
            path.file_name().is_some_and(|name| self.programs.iter().any(|program| name == program.as_str()))
        };
        built.programs().filter(ships)
    }
}

fn suite(message: &Value) -> Option<Suite> {
    if message["profile"]["test"] != Value::Bool(true) {
        return None;
    }
    let program = PathBuf::from(message["executable"].as_str()?);
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    let directory = manifest.parent()?.to_path_buf();
    let room = directory.file_name()?.to_str()?.to_owned();
    let name = match message["target"]["kind"][0].as_str()? {
        "test" => format!("{room}/{}", message["target"]["name"].as_str()?),
        "bin" => format!("{room} (program {})", message["target"]["name"].as_str()?),
        _ => format!("{room} (unit)"),
    };
    Some(Suite { name, program, directory, arguments: Vec::new() })
}

/// Links programs into a directory, or copies them there from another file system.
fn place(programs: impl IntoIterator<Item = PathBuf>, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    for program in programs {
        let to = directory.join(program.file_name().context("a program has a name")?);
        if std::fs::hard_link(&program, &to).is_err() {
            std::fs::copy(&program, &to).with_context(|| format!("copying {}", program.display()))?;
        }
    }
    Ok(())
}

impl Suite {
    /// The examples in the documentation, among them those that must not compile; they call the compiler.
    fn documentation(source: &Path, faults: &[String]) -> Self {
        let mut arguments = ["test", "--quiet", "--workspace", "--doc"].map(str::to_owned).to_vec();
        if !faults.is_empty() {
            arguments.extend(["--features".to_owned(), faults.join(",")]);
        }
        Self {
            name: "documentation".to_owned(),
            program: PathBuf::from(crate::cargo().get_program()),
            directory: source.to_path_buf(),
            arguments,
        }
    }
}
