//! Takes the settings of one program from its environment and, for the server, from a file, and collects everything that
//! is wrong, so that an operator sees all of it at once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use super::{FILE_SUFFIX, PREFIX, Program, Setting, duration, file_of, find, flag, is_known, nearest, settings};

/// Something wrong with the settings, or with how they go together. The message names the setting and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem(pub String);

impl Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a value came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The variable of that name.
    Environment,
    /// The file that the variable with `_FILE` names.
    File,
    /// This key of the configuration file.
    Key(String),
}

/// A value that somebody set. Shown by nothing: it may be a secret.
#[derive(Clone)]
pub struct Given {
    value: String,
    origin: Origin,
}

impl Given {
    /// A value from a key of a configuration file.
    #[must_use]
    pub fn from_key(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { value: value.into(), origin: Origin::Key(key.into()) }
    }
}

/// Hands out the settings of one program. Every getter returns the default when it has noted a problem, so that reading
/// goes on to the next one.
pub struct Reader {
    given: BTreeMap<String, Given>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Reader {
    /// Takes what concerns `program` from the environment `vars`; `read` opens the files that `…_FILE` variables name.
    ///
    /// Noted as problems: a value together with its `_FILE`, a file that cannot be read, a name whose feature is not part of
    /// this version. Noted as warnings: names nobody knows. An empty value counts as not set.
    pub fn new(
        program: Program,
        vars: impl IntoIterator<Item = (String, String)>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Self {
        let mut reader = Self { given: BTreeMap::new(), problems: Vec::new(), warnings: Vec::new() };
        let mut files = Vec::new();
        for (name, value) in vars {
            if value.is_empty() {
                continue;
            }
            if let Some(setting) = find(&name) {
                reader.take(program, setting, name, value);
            } else if let Some(setting) = file_of(&name).filter(|setting| setting.is_read_by(program)) {
                files.push((setting, name, value));
            } else if name.starts_with(PREFIX) && !is_known(&name) {
                reader.warn_unknown(&name);
            }
        }
        for (setting, name, path) in files {
            reader.take_file(program, setting, &name, &path, &read);
        }
        reader
    }

    fn take(&mut self, program: Program, setting: &Setting, name: String, value: String) {
        if !setting.is_read_by(program) {
            return;
        }
        if setting.exists {
            self.given.insert(name, Given { value, origin: Origin::Environment });
        } else if value != setting.default {
            self.problem(format!("{name}: not part of this version of {}; remove it", program.name()));
        }
    }

    fn take_file(
        &mut self,
        program: Program,
        setting: &Setting,
        name: &str,
        path: &str,
        read: &impl Fn(&str) -> std::io::Result<String>,
    ) {
        let of = name.strip_suffix(FILE_SUFFIX).unwrap_or(name).to_owned();
        if self.given.contains_key(&of) {
            return self.problem(format!("{name}: {of} is set as well; set one of the two"));
        }
        match read(path) {
            Ok(text) => {
                let value = text.trim_end_matches(['\r', '\n']).to_owned();
                if value.is_empty() {
                    return self.problem(format!("{name}: the file {path} is empty"));
                }
                self.take(program, setting, of.clone(), value);
                if let Some(given) = self.given.get_mut(&of) {
                    given.origin = Origin::File;
                }
            }
            Err(error) => self.problem(format!("{name}: the file {path} cannot be read: {error}")),
        }
    }

    fn warn_unknown(&mut self, name: &str) {
        let hint = nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        self.warnings.push(format!("{name} is not a setting of this product{hint}"));
    }

    /// Adds values of a configuration file under the names of their settings. What the environment gave wins.
    pub fn add(&mut self, values: impl IntoIterator<Item = (String, Given)>) {
        for (name, given) in values {
            self.given.entry(name).or_insert(given);
        }
    }

    /// Whether somebody set it.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The value, or the default; `None` where both are empty.
    ///
    /// # Panics
    /// In debug builds, if the name is not one of [`settings`].
    pub fn text(&mut self, name: &str) -> Option<String> {
        if let Some(given) = self.given.get(name) {
            return Some(given.value.trim().to_owned());
        }
        debug_assert!(find(name).is_some(), "{name} is missing in the table of settings");
        find(name).map(|setting| setting.default).filter(|default| !default.is_empty()).map(str::to_owned)
    }

    /// The value as it was written, never shown.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.given.get(name).map(|given| given.value.clone().into())
    }

    /// The parts of a comma-separated list, trimmed, empty ones left out.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The parts of a comma-separated list of secrets.
    pub fn secrets(&self, name: &str) -> Vec<SecretString> {
        let Some(given) = self.given.get(name) else { return Vec::new() };
        let parts = given.value.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| SecretString::from(part.to_owned())).collect()
    }

    /// A path.
    pub fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// A switch.
    pub fn flag(&mut self, name: &str) -> bool {
        self.parse(name, flag).unwrap_or_default()
    }

    /// A duration of at least `least`.
    pub fn duration(&mut self, name: &str, least: Duration) -> Duration {
        let value = self.parse(name, duration).unwrap_or_default();
        if value < least {
            self.refuse(name, format!("must be at least {}", super::duration_text(least)));
        }
        value
    }

    /// A whole number within `range`.
    pub fn number<T>(&mut self, name: &str, range: std::ops::RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let expected = format!("must be a whole number from {} to {}", range.start(), range.end());
        let parse = |text: &str| text.parse().ok().filter(|number| range.contains(number)).ok_or(expected.as_str());
        self.parse(name, parse).unwrap_or(*range.start())
    }

    /// One of the words that `parse` knows.
    pub fn parse<T, E: Display>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.refuse(name, expected);
                find(name).and_then(|setting| parse(setting.default).ok())
            }
        }
    }

    /// Notes that the value of `name` is refused: names where it was set, and shows it unless it is a secret.
    pub fn refuse(&mut self, name: &str, why: impl Display) {
        let Some(given) = self.given.get(name) else {
            return self.problem(format!("{name}: {why}"));
        };
        let place = match &given.origin {
            Origin::Environment => name.to_owned(),
            Origin::File => format!("{name}{FILE_SUFFIX}"),
            Origin::Key(key) => format!("{name} (key {key} of the configuration file)"),
        };
        let shown = match find(name) {
            Some(setting) if setting.secret => String::new(),
            Some(_) | None => format!(" {:?}", given.value.chars().take(SHOWN_MAX).collect::<String>()),
        };
        self.problem(format!("{place}:{shown} {why}"));
    }

    /// Notes a problem.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(Problem(problem.into()));
    }

    /// Notes something that does not stop the program.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Everything noted so far: problems and warnings, in order.
    #[must_use]
    pub fn finish(self) -> (Vec<Problem>, Vec<String>) {
        (self.problems, self.warnings)
    }

    /// Names and values for the program's own settings that are not secret, as they hold now; for a line in the log.
    #[must_use]
    pub fn overview(&self, program: Program) -> Vec<(&'static str, String)> {
        let ours = settings().filter(|setting| setting.is_read_by(program) && setting.exists && !setting.secret);
        let set = ours.filter_map(|setting| Some((setting.name, self.given.get(setting.name)?.value.clone())));
        set.collect()
    }
}

/// Characters of a refused value that a message repeats.
const SHOWN_MAX: usize = 80;
