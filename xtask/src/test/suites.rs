//! Building the test programs once, and running each.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Workspace;

/// A test program.
pub(crate) struct Suite {
    /// Package and target.
    pub(crate) name: String,
    program: PathBuf,
    directory: PathBuf,
}

/// What a suite did.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) seconds: f64,
    pub(crate) output: String,
}

/// A suite that runs longer hangs.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Programs that tests start as processes of their own.
const PROGRAMS: [(&str, &str); 3] =
    [("certctl-cli", "certctl"), ("certctl-server", "certctl-server"), ("certctl-agent", "certctl-agent")];

/// Builds programs and tests.
pub(crate) fn build(space: &Workspace) -> Result<Vec<Suite>> {
    // The same programs with failpoints, for the tests that kill them; never part of a release.
    for (package, program) in PROGRAMS {
        let built =
            build_programs(&["--package", package, "--bin", program, "--features", &format!("{package}/faults")])?;
        copy(&built, &space.programs().join("faults"))?;
    }
    for (package, program) in PROGRAMS {
        let built = build_programs(&["--package", package, "--bin", program])?;
        copy(&built, &space.programs())?;
    }
    let messages = cargo_json(&["test", "--workspace", "--no-run"])?;
    let mut suites: Vec<Suite> = messages.iter().filter_map(suite).collect();
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    for suite in &mut suites {
        // A place that the unprivileged user can reach, wherever the checkout lies.
        let reachable = space.programs().join("tests");
        std::fs::create_dir_all(&reachable)?;
        let copied = reachable.join(suite.program.file_name().context("a program has a name")?);
        link(&suite.program, &copied)?;
        suite.program = copied;
    }
    Ok(suites)
}

fn build_programs(arguments: &[&str]) -> Result<Vec<PathBuf>> {
    let messages = cargo_json(&[&["build"], arguments].concat())?;
    Ok(messages.iter().filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect())
}

fn copy(programs: &[PathBuf], to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for program in programs {
        let name = program.file_name().context("a program has a name")?;
        std::fs::copy(program, to.join(name)).with_context(|| format!("copying {}", program.display()))?;
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<()> {
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

fn cargo_json(arguments: &[&str]) -> Result<Vec<Value>> {
    let output = crate::cargo()
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

fn suite(message: &Value) -> Option<Suite> {
    if message["profile"]["test"] != Value::Bool(true) {
        return None;
    }
    let program = PathBuf::from(message["executable"].as_str()?);
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    let directory = manifest.parent()?.to_path_buf();
    let package = directory.file_name()?.to_str()?.to_owned();
    let target = message["target"]["name"].as_str()?;
    let kind = message["target"]["kind"][0].as_str().unwrap_or("lib");
    Some(Suite { name: format!("{package}/{target} ({kind})"), program, directory })
}

/// Runs every suite that has a test of this name, two at a time.
pub(crate) fn run(
    suites: &[Suite],
    space: &Workspace,
    environment: &[(&str, String)],
    filter: Option<&str>,
) -> Result<Vec<Outcome>> {
    let waiting = Mutex::new(suites.iter().rev().collect::<Vec<_>>());
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(suite) = waiting.lock().ok().and_then(|mut waiting| waiting.pop()) {
                    let outcome = run_one(suite, space, environment, filter).unwrap_or_else(|error| Outcome {
                        name: suite.name.clone(),
                        passed: 0,
                        failed: 1,
                        seconds: 0.0,
                        output: format!("{error:#}"),
                    });
                    println!(
                        "{} {} ({} passed, {} failed, {:.1} s)",
                        if outcome.failed == 0 { "ok  " } else { "FAIL" },
                        outcome.name,
                        outcome.passed,
                        outcome.failed,
                        outcome.seconds
                    );
                    if let Ok(mut done) = done.lock() {
                        done.push(outcome);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(done)
}

fn run_one(suite: &Suite, space: &Workspace, environment: &[(&str, String)], filter: Option<&str>) -> Result<Outcome> {
    let began = Instant::now();
    let names = list(suite)?;
    same_names(&names)?;
    let mut outcome = Outcome { name: suite.name.clone(), passed: 0, failed: 0, seconds: 0.0, output: String::new() };
    let (apart, ordinary): (Vec<&String>, Vec<&String>) =
        names.iter().filter(|name| filter.is_none_or(|filter| name.contains(filter))).partition(|name| is_apart(name));
    if !ordinary.is_empty() {
        let mut command = space.unprivileged(&suite.program);
        command.args(["--skip", "needs_root", "--skip", "compile_fail"]).args(filter);
        execute(&mut outcome, command, suite, environment)?;
    }
    let root = rustix::process::geteuid().is_root();
    for name in apart {
        if name.contains("needs_root") && !root {
            std::fs::OpenOptions::new().append(true).open(space.skips()).and_then(|mut file| {
                std::io::Write::write_all(&mut file, format!("{name}\tneeds root\t-\n").as_bytes())
            })?;
            outcome.passed += 1;
            continue;
        }
        let mut command = Command::new(&suite.program);
        command.args(["--exact", name]);
        // The compiler wants its own home back.
        let own: Vec<(&str, String)> =
            environment.iter().filter(|(variable, _)| *variable != "HOME").cloned().collect();
        execute(&mut outcome, command, suite, &own)?;
    }
    outcome.seconds = began.elapsed().as_secs_f64();
    Ok(outcome)
}

fn is_apart(name: &str) -> bool {
    name.contains("needs_root") || name.contains("compile_fail")
}

fn list(suite: &Suite) -> Result<Vec<String>> {
    let output = Command::new(&suite.program)
        .args(["--list", "--format", "terse"])
        .output()
        .with_context(|| format!("listing {}", suite.name))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect())
}

/// What runs on one back end runs on the other.
fn same_names(names: &[String]) -> Result<()> {
    let of = |backend: &str, other: &str| -> BTreeSet<String> {
        names
            .iter()
            .filter(|name| name.split("::").any(|part| part == backend))
            .map(|name| name.replace(backend, other))
            .collect()
    };
    let (sqlite, postgres) = (of("sqlite", "*"), of("postgres", "*"));
    let lonely: Vec<&String> = sqlite.symmetric_difference(&postgres).collect();
    if !lonely.is_empty() {
        bail!("tests of one back end only: {lonely:?}");
    }
    Ok(())
}

fn execute(outcome: &mut Outcome, mut command: Command, suite: &Suite, environment: &[(&str, String)]) -> Result<()> {
    command.current_dir(&suite.directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in environment {
        command.env(name, value);
    }
    let mut child = command.spawn().with_context(|| format!("starting {}", suite.name))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let readers = [stdout.map(reader), stderr.map(reader)];
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if began.elapsed() > LONGEST {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text: String = readers.into_iter().flatten().filter_map(|reader| reader.join().ok()).collect();
    let (passed, failed) = counts(&text);
    outcome.passed += passed;
    outcome.failed += failed;
    if status.is_none_or(|status| !status.success()) && failed == 0 {
        outcome.failed += 1;
    }
    if status.is_none_or(|status| !status.success()) {
        outcome.output.push_str(&text);
        if status.is_none() {
            outcome.output.push_str(&format!("\n{} was stopped after {} s\n", suite.name, LONGEST.as_secs()));
        }
    }
    Ok(())
}

fn reader(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Passed and failed, from the closing line of a test program.
fn counts(text: &str) -> (usize, usize) {
    let number = |line: &str, word: &str| -> usize {
        line.split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(word).and_then(|number| number.trim().parse().ok()))
            .unwrap_or(0)
    };
    text.lines()
        .filter(|line| line.starts_with("test result:"))
        .fold((0, 0), |(passed, failed), line| (passed + number(line, "passed"), failed + number(line, "failed")))
}
