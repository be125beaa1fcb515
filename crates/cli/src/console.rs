//! All of the outside that the program sees: environment, streams, terminal, clock.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use secrecy::SecretString;

/// Which streams are terminals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tty {
    /// Standard input: a person can be asked.
    pub input: bool,
    /// Standard output: tables fit the window.
    pub output: bool,
    /// Standard error: progress is for the eye.
    pub errors: bool,
}

/// The outside of one run.
pub struct Console {
    /// The environment.
    pub env: Vec<(String, String)>,
    /// Where data goes.
    pub out: Box<dyn Write>,
    /// Where everything for the eye goes.
    pub err: Box<dyn Write>,
    /// Where answers and files named `-` come from.
    pub input: Box<dyn BufRead>,
    /// Which of these are terminals.
    pub tty: Tty,
    /// Columns of the window.
    pub width: Option<usize>,
    /// The clock.
    pub now: fn() -> SystemTime,
}

impl Console {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let tty = Tty {
            input: std::io::stdin().is_terminal(),
            output: std::io::stdout().is_terminal(),
            errors: std::io::stderr().is_terminal(),
        };
        Self {
            env: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
            input: Box::new(BufReader::new(std::io::stdin())),
            tty,
            width: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
            now: real_now,
        }
    }

    /// Writes data, with a line end. A reader that has gone away is no error: it has seen enough.
    pub fn data(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    /// Writes a line for the eye.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Asks on the terminal and reads one line; `None` where nobody can answer.
    pub(crate) fn ask(&mut self, question: &str) -> Option<String> {
        if !self.tty.input {
            return None;
        }
        let _ = write!(self.err, "{question} ");
        let _ = self.err.flush();
        let mut line = String::new();
        let read = self.input.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim().to_owned())
    }

    /// Asks for a secret without showing what is typed.
    pub(crate) fn ask_secret(&mut self, question: &str) -> Option<SecretString> {
        let _quiet = Quiet::begin();
        let answer = self.ask(question).filter(|answer| !answer.is_empty());
        let _ = writeln!(self.err);
        answer.map(SecretString::from)
    }

    /// The value of a variable; an empty one counts as not set.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The user's home directory.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.var("HOME").map(PathBuf::from)
    }
}

#[expect(clippy::disallowed_methods, reason = "the program's one clock; everything else is handed it")]
fn real_now() -> SystemTime {
    SystemTime::now()
}

/// While this lives, the terminal does not show what is typed.
struct Quiet(Option<rustix::termios::Termios>);

impl Quiet {
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let input = std::io::stdin();
        let Ok(before) = tcgetattr(&input) else { return Self(None) };
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        Self(tcsetattr(&input, OptionalActions::Flush, &silent).is_ok().then_some(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}
