//! Running test programs, each with its own ledger of skipped tests.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::Workspace;
use crate::process::Group;

/// A test program.
pub(crate) struct Suite {
    /// Room and target.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    /// Where cargo would run it.
    pub(crate) directory: PathBuf,
    /// Arguments of a program that is no test program itself; it keeps the user and home of the run.
    pub(crate) arguments: Vec<String>,
}

/// A test that did nothing.
pub(crate) struct Skip {
    pub(crate) test: String,
    pub(crate) reason: String,
    /// What to install to make it run.
    pub(crate) package: String,
}

/// What a suite did.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skips: Vec<Skip>,
    pub(crate) seconds: f64,
    /// Output of what failed.
    pub(crate) output: String,
}

/// A program that runs longer hangs. The longest test watches a certificate through two renewals.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// Runs every suite, as many at a time as there are cores.
pub(crate) fn run_all(
    suites: &[Suite],
    space: &Workspace,
    environment: &[(&'static str, String)],
    filter: Option<&str>,
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((number, suite)) = take(suites, &next) {
                    let run =
                        Run { suite, space, environment, filter, ledger: space.path().join(format!("skips-{number}")) };
                    let outcome = run.outcome();
                    let verdict = if outcome.failed == 0 { "ok  " } else { "FAIL" };
                    println!("{verdict} {} ({:.1} s)", outcome.name, outcome.seconds);
                    done.lock().expect("no worker panics while it holds the list").push(outcome);
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panics while it holds the list");
    done.sort_by(|a: &Outcome, b| a.name.cmp(&b.name));
    done
}

fn take<'a>(suites: &'a [Suite], next: &AtomicUsize) -> Option<(usize, &'a Suite)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    suites.get(number).map(|suite| (number, suite))
}

/// One suite on its way.
struct Run<'a> {
    suite: &'a Suite,
    space: &'a Workspace,
    environment: &'a [(&'static str, String)],
    filter: Option<&'a str>,
    ledger: PathBuf,
}

impl Run<'_> {
    fn outcome(&self) -> Outcome {
        let began = Instant::now();
        let mut outcome = Outcome { name: self.suite.name.clone(), ..Outcome::default() };
        if let Err(error) = self.execute_all(&mut outcome) {
            outcome.failed += 1;
            outcome.output.push_str(&format!("{error:#}\n"));
        }
        // A test that skips itself returns, and so counts as passed where it ran.
        outcome.passed = outcome.passed.saturating_sub(outcome.skips.len());
        outcome.seconds = began.elapsed().as_secs_f64();
        outcome
    }

    fn execute_all(&self, outcome: &mut Outcome) -> Result<()> {
        if !self.suite.arguments.is_empty() {
            let mut command = Command::new(&self.suite.program);
            command.args(&self.suite.arguments).arg("--").args(self.filter);
            return self.execute(outcome, command, true);
        }
        std::fs::write(&self.ledger, "")?;
        self.space.give(&self.ledger)?;
        let names = list(self.suite)?;
        same_on_both(&names)?;
        in_its_module(&names)?;
        let wanted = names.iter().filter(|name| self.filter.is_none_or(|filter| name.contains(filter)));
        let (apart, ordinary): (Vec<&String>, Vec<&String>) = wanted.partition(|name| Apart::of(name).is_some());
        if !ordinary.is_empty() {
            let mut command = self.space.unprivileged(&self.suite.program);
            command.args(["--skip", Apart::ROOT, "--skip", Apart::COMPILER]).args(self.filter);
            self.execute(outcome, command, false)?;
        }
        let mut refused = Vec::new();
        for name in apart {
            if Apart::of(name) == Some(Apart::NeedsRoot) && !rustix::process::geteuid().is_root() {
                refused.push(Skip { test: name.clone(), reason: "needs root".to_owned(), package: "-".to_owned() });
                continue;
            }
            let mut command = Command::new(&self.suite.program);
            command.args(["--exact", name]);
            self.execute(outcome, command, true)?;
        }
        outcome.skips = read_ledger(&std::fs::read_to_string(&self.ledger)?);
        outcome.passed += refused.len();
        outcome.skips.extend(refused);
        Ok(())
    }

    /// Runs one program to its end and adds what it counted. `own_home` keeps the home that the compiler needs.
    fn execute(&self, outcome: &mut Outcome, mut command: Command, own_home: bool) -> Result<()> {
        command.current_dir(&self.suite.directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("CARGO_MANIFEST_DIR", &self.suite.directory).env("CERTCTL_TEST_SKIPS", &self.ledger);
        for (name, value) in self.environment.iter().filter(|(name, _)| !(own_home && *name == "HOME")) {
            command.env(name, value);
        }
        let mut group = Group::spawn(&mut command)?;
        let readers = [group.child().stdout.take().map(reader), group.child().stderr.take().map(reader)];
        let began = Instant::now();
        let status = loop {
            if let Some(status) = group.child().try_wait()? {
                break Some(status);
            }
            if began.elapsed() > LONGEST {
                break None;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let left = status.is_some() && group.lives();
        group.end(Signal::KILL);
        let text: String = readers.into_iter().flatten().filter_map(|reader| reader.join().ok()).collect();
        let (passed, failed) = counts(&text);
        outcome.passed += passed;
        outcome.failed += failed;
        if left {
            println!("note: {} left processes behind; they were ended", self.suite.name);
        }
        if status.is_some_and(|status| status.success()) {
            return Ok(());
        }
        outcome.failed += usize::from(failed == 0);
        outcome.output.push_str(&text);
        let ending = status.map_or_else(
            || format!("stopped: still running after {} min", LONGEST.as_secs() / 60),
            |status| format!("ended with {status}"),
        );
        outcome.output.push_str(&format!("\n{} {ending}\n", self.suite.name));
        Ok(())
    }
}

/// Why a test is run by itself, as whoever called the task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    NeedsRoot,
    CallsCompiler,
}

impl Apart {
    const ROOT: &'static str = "needs_root";
    const COMPILER: &'static str = "compile_fail";

    fn of(test: &str) -> Option<Self> {
        if test.contains(Self::ROOT) {
            return Some(Self::NeedsRoot);
        }
        test.contains(Self::COMPILER).then_some(Self::CallsCompiler)
    }
}

/// Names of all tests of a program.
fn list(suite: &Suite) -> Result<Vec<String>> {
    let output = Command::new(&suite.program)
        .args(["--list", "--format", "terse"])
        .output()
        .with_context(|| format!("listing {}", suite.name))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect())
}

/// What runs on one database runs on the other: the modules `sqlite` and `postgres` hold the same tests.
fn same_on_both(names: &[String]) -> Result<()> {
    let of = |backend: &str| -> BTreeSet<String> {
        let parts = names.iter().map(|name| name.split("::").collect::<Vec<_>>());
        parts
            .filter(|parts| parts.contains(&backend))
            .map(|parts| parts.into_iter().map(|part| if part == backend { "*" } else { part }).collect::<Vec<_>>())
            .map(|parts| parts.join("::"))
            .collect()
    };
    let (sqlite, postgres) = (of("sqlite"), of("postgres"));
    let lonely: Vec<&String> = sqlite.symmetric_difference(&postgres).collect();
    if !lonely.is_empty() {
        bail!("tests of one database only, * being sqlite or postgres: {lonely:?}");
    }
    Ok(())
}

/// A name that begins or ends with a database is one of two, and [`same_on_both`] sees the other only in a module. What only
/// one database has is tested under a name that says so within.
fn in_its_module(names: &[String]) -> Result<()> {
    let of_one = |part: &str| {
        let mut words = part.split('_');
        let ends = [words.next(), words.next_back()];
        ends.into_iter().flatten().any(|word| ["sqlite", "postgres", "postgresql"].contains(&word))
    };
    let stray = |name: &&String| {
        let parts: Vec<&str> = name.split("::").collect();
        !parts.contains(&"sqlite") && !parts.contains(&"postgres") && parts.iter().any(|part| of_one(part))
    };
    let strays: Vec<&String> = names.iter().filter(stray).collect();
    if !strays.is_empty() {
        bail!(
            "tests of one database outside of the modules sqlite and postgres, where the other one would be missed: {strays:?}"
        );
    }
    Ok(())
}

fn read_ledger(text: &str) -> Vec<Skip> {
    let mut seen = BTreeSet::new();
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Skip { test: fields.next()?, reason: fields.next()?, package: fields.next()? })
    });
    lines.filter(|skip| seen.insert(skip.test.clone())).collect()
}

fn reader(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read before the pipe broke is what there is to show.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Passed and failed, from the closing lines of test programs.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let text = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.10s\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n";
        assert_eq!(counts(text), (4, 2));
        assert_eq!(counts("test result somewhere else: 4 passed"), (0, 0));
    }

    #[test]
    fn a_test_on_one_database_only_is_named() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(same_on_both(&names(&["a::sqlite::x", "a::postgres::x", "b::y"])).is_ok());
        let refused = same_on_both(&names(&["a::sqlite::x", "a::postgres::x", "a::postgres::y"])).expect_err("lonely");
        assert!(refused.to_string().contains("a::*::y"), "{refused}");
    }

    #[test]
    fn a_test_named_for_a_database_outside_of_its_module_is_refused() {
        let check = |name: &str| in_its_module(&[name.to_owned()]);
        for stray in
            ["a::sqlite_keeps_rows", "postgres_keeps_rows", "a::rows_on_postgresql", "sqlite_rows::x", "a::x_sqlite"]
        {
            let refused = check(stray).expect_err("a stray");
            assert!(refused.to_string().contains(stray), "{refused}");
        }
        for fine in
            ["a::sqlite::x", "postgres::a::x", "a::sqlite::x_of_sqlite", "two_on_one_postgresql_share", "sqlited"]
        {
            check(fine).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn the_ledger_counts_a_test_once() {
        let skips =
            read_ledger("a\tno server\tpostgresql\na\tno server\tpostgresql\nb\tno browser\tchromium\nbroken\n");
        assert_eq!(skips.iter().map(|skip| skip.test.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(skips[1].package, "chromium");
    }

    #[test]
    fn tests_that_run_apart_say_so_in_their_name() {
        assert!(Apart::of("file::needs_root_to_give_away") == Some(Apart::NeedsRoot));
        assert!(Apart::of("routes::compile_fail_without_a_rule") == Some(Apart::CallsCompiler));
        assert!(Apart::of("roots_are_needed").is_none());
    }

    /// What the fixture does where a database is `postgres`.
    fn fixture(program: &str, postgres: &str) -> Outcome {
        let space = Workspace::new().expect("a temporary directory");
        let program = crate::root().join("xtask/fixtures").join(program);
        let suite = Suite { name: "fixture".to_owned(), program, directory: crate::root(), arguments: Vec::new() };
        let environment = [("FIXTURE_POSTGRES", postgres.to_owned())];
        run_all(&[suite], &space, &environment, None).pop().expect("one suite")
    }

    #[test]
    fn a_run_without_a_database_or_root_passes_and_lists_what_it_skipped() {
        let root = rustix::process::geteuid().is_root();
        let outcome = fixture("suite.sh", "none");
        let skipped: Vec<(&str, &str)> =
            outcome.skips.iter().map(|skip| (skip.test.as_str(), skip.package.as_str())).collect();
        let mut expected = vec![("rows::postgres::kept", "postgresql")];
        expected.extend((!root).then_some(("files::needs_root_to_give_away", "-")));
        assert_eq!(skipped, expected);
        assert_eq!((outcome.passed, outcome.failed), (3 - expected.len(), 0), "{}", outcome.output);
        let totals = super::super::report::print(&[outcome]);
        totals.verdict(3, false).expect("it passes");
        totals.verdict(3, true).expect_err("in CI a skip is a failure");
        totals.verdict(4, false).expect_err("below the floor");
    }

    #[test]
    fn a_suite_with_a_stray_test_fails_without_running() {
        let outcome = fixture("stray.sh", "there");
        assert_eq!((outcome.passed, outcome.failed), (0, 1), "{}", outcome.output);
        assert!(outcome.output.contains("rows::are_kept_on_postgres"), "{}", outcome.output);
    }

    #[test]
    fn what_fails_is_counted_and_shown() {
        let outcome = fixture("suite.sh", "broken");
        assert_eq!(outcome.failed, 1);
        assert!(outcome.output.contains("test result: FAILED"), "{}", outcome.output);
    }
}
