//! Building once what the tests run: the programs as they ship, the same programs with failpoints, the test programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Workspace;
use super::suite::Suite;

/// The cargo feature that holds failpoints; no default and no release build has it.
const FAULTS: &str = "faults";

/// Builds everything and puts it where the user who runs the tests can reach it.
pub(crate) fn build(space: &Workspace, source: &Path) -> Result<Vec<Suite>> {
    let rooms = Rooms::read(source)?;
    let mut shipped = vec!["build".to_owned()];
    for (package, program) in &rooms.programs {
        shipped.extend(["--package".to_owned(), package.clone(), "--bin".to_owned(), program.clone()]);
    }
    if !rooms.programs.is_empty() {
        place(&programs(&cargo_json(source, &shipped)?), &space.programs())?;
    }
    let mut all = ["build", "--workspace", "--bins", "--tests"].map(str::to_owned).to_vec();
    if !rooms.faults.is_empty() {
        all.extend(["--features".to_owned(), rooms.faults.join(",")]);
    }
    let messages = cargo_json(source, &all)?;
    let names: Vec<&str> = rooms.programs.iter().map(|(_, program)| program.as_str()).collect();
    let mut with_faults = programs(&messages);
    with_faults.retain(|path| path.file_name().is_some_and(|name| names.iter().any(|program| name == *program)));
    place(&with_faults, &space.programs().join(FAULTS))?;

    let mut suites: Vec<Suite> = messages.iter().filter_map(suite).collect();
    let reachable = space.programs().join("suites");
    for suite in &mut suites {
        place(std::slice::from_ref(&suite.program), &reachable)?;
        suite.program = reachable.join(suite.program.file_name().context("a program has a name")?);
    }
    suites.push(Suite::documentation(source, &rooms.faults));
    // The whole stack takes longest, so it starts first; the rest fills up.
    suites.sort_by_key(|suite| (!suite.name.starts_with("tests/"), suite.name.clone()));
    Ok(suites)
}

/// What the workspace builds.
struct Rooms {
    /// Package and program of everything that ships.
    programs: Vec<(String, String)>,
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
                rooms.programs.push((name.to_owned(), target["name"].as_str().unwrap_or_default().to_owned()));
            }
        }
        Ok(rooms)
    }
}

/// Executables that are not test programs.
fn programs(messages: &[Value]) -> Vec<PathBuf> {
    messages
        .iter()
        .filter(|message| message["profile"]["test"] == Value::Bool(false))
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect()
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
fn place(programs: &[PathBuf], directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    for program in programs {
        let to = directory.join(program.file_name().context("a program has a name")?);
        if std::fs::hard_link(program, &to).is_err() {
            std::fs::copy(program, &to).with_context(|| format!("copying {}", program.display()))?;
        }
    }
    Ok(())
}

fn cargo_json(source: &Path, arguments: &[String]) -> Result<Vec<Value>> {
    let output = crate::cargo()
        .current_dir(source)
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

impl Suite {
    /// The examples in the documentation, among them those that must not compile; they call the compiler.
    fn documentation(source: &Path, faults: &[String]) -> Self {
        let mut arguments = ["test", "--quiet", "--workspace", "--doc"].map(str::to_owned).to_vec();
        if !faults.is_empty() {
            arguments.extend(["--features".to_owned(), faults.join(",")]);
        }
        let cargo: Command = crate::cargo();
        Self {
            name: "documentation".to_owned(),
            program: PathBuf::from(cargo.get_program()),
            directory: source.to_path_buf(),
            arguments,
        }
    }
}
