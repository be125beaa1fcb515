//! What the server may make this agent write and run.
//!
//! The policy is a file on the host. Nothing that arrives over the network can widen it.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use crate::trouble::Trouble;

/// Paths and commands that deployments may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    source: PathBuf,
    built_in: bool,
    paths: Vec<PathBuf>,
    commands: Vec<Vec<String>>,
}

/// Why a policy file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error("agent policy {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Somebody else could change it.
    #[error("agent policy {path}: {finding}; {remedy}")]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        finding: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It does not say what a policy says.
    #[error("agent policy {path}: {detail}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Where and what.
        detail: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    allowed_paths: Vec<PathBuf>,
    #[serde(default)]
    allowed_commands: Vec<CommandPattern>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CommandPattern {
    Words(Vec<String>),
    Line(String),
}

impl Policy {
    /// Reads the policy at `path`. The file must be owned by root or by `own_uid`, and nobody else may write it. A file says
    /// everything: what it leaves out is forbidden. Without a file, [`Policy::built_in`] holds.
    ///
    /// # Errors
    /// The file exists and cannot be trusted or understood.
    pub fn load(path: &Path, own_uid: u32) -> Result<Self, PolicyError> {
        let read = |source| PolicyError::Read { path: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::built_in(path)),
            Err(error) => return Err(read(error)),
        };
        let about = file.metadata().map_err(read)?;
        let distrust = |finding: String, remedy| PolicyError::Unsafe { path: path.to_owned(), finding, remedy };
        if !about.is_file() {
            return Err(distrust("is not a regular file".to_owned(), "make it one"));
        }
        if about.uid() != 0 && about.uid() != own_uid {
            let finding = format!("is owned by uid {}", about.uid());
            return Err(distrust(finding, "give it to root or to the agent's own user"));
        }
        if about.mode() & WRITABLE_BY_OTHERS != 0 {
            let finding = format!("has mode {:04o}", about.mode() & 0o7777);
            return Err(distrust(finding, "take the write permission from group and others (chmod go-w)"));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(read)?;
        Self::parse(path, &text)
    }

    /// The policy that `text` (TOML) states.
    ///
    /// # Errors
    /// [`PolicyError::Content`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, PolicyError> {
        let content = |detail: String| PolicyError::Content { path: path.to_owned(), detail };
        let file: PolicyFile = toml::from_str(text).map_err(|error| content(error.to_string()))?;
        for allowed in &file.allowed_paths {
            check_root(allowed).map_err(|why| content(format!("allowed_paths: {:?} {why}", allowed.display())))?;
        }
        let commands: Vec<Vec<String>> = file.allowed_commands.into_iter().map(CommandPattern::words).collect();
        for words in &commands {
            if !words.first().is_some_and(|program| Path::new(program).is_absolute()) {
                return Err(content(format!(
                    "allowed_commands: {words:?} must start with the absolute path of a program"
                )));
            }
        }
        Ok(Self { source: path.to_owned(), built_in: false, paths: file.allowed_paths, commands })
    }

    /// What holds where no file was written: the configuration directories and reload commands of common servers.
    /// `missing` is the file that is not there, for messages.
    pub fn built_in(missing: &Path) -> Self {
        let paths = BUILT_IN_PATHS.iter().map(PathBuf::from).collect();
        let commands = BUILT_IN_COMMANDS.iter().map(|line| split(line)).collect();
        Self { source: missing.to_owned(), built_in: true, paths, commands }
    }

    /// The file this policy comes from, or would come from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Whether no policy file exists.
    pub fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// Whether `real`, a file's path without symbolic links, lies at or under an allowed path.
    pub(crate) fn check_path(&self, real: &Path) -> Result<(), Trouble> {
        let under = |allowed: &PathBuf| {
            let root = allowed.canonicalize().unwrap_or_else(|_| allowed.clone());
            lies_under(&root, real) || lies_under(allowed, real)
        };
        if self.paths.iter().any(under) {
            return Ok(());
        }
        let message =
            format!("{} is not under a path the agent policy allows; {}", real.display(), self.remedy("allowed_paths"));
        Err(Trouble::config(message))
    }

    /// Whether `argv` matches an allowed command.
    pub(crate) fn check_command(&self, argv: &[String]) -> Result<(), Trouble> {
        if self.commands.iter().any(|pattern| command_matches(pattern, argv)) {
            return Ok(());
        }
        let shown = argv.join(" ");
        let message = format!("the agent policy does not allow `{shown}`; {}", self.remedy("allowed_commands"));
        Err(Trouble::config(message))
    }

    fn remedy(&self, list: &str) -> String {
        let source = self.source.display();
        if self.built_in {
            return format!("the built-in policy holds because {source} does not exist: create it with {list}");
        }
        format!("add it to {list} in {source}")
    }
}

impl CommandPattern {
    fn words(self) -> Vec<String> {
        match self {
            Self::Words(words) => words,
            Self::Line(line) => split(&line),
        }
    }
}

/// Write permission of group or others.
pub(crate) const WRITABLE_BY_OTHERS: u32 = 0o022;

const BUILT_IN_PATHS: [&str; 13] = [
    "/etc/nginx",
    "/etc/apache2",
    "/etc/httpd",
    "/etc/haproxy",
    "/etc/caddy",
    "/etc/traefik",
    "/etc/envoy",
    "/etc/postfix",
    "/etc/dovecot",
    "/etc/ssl",
    "/etc/pki",
    "/var/lib/certctl",
    "/opt/*/conf/certs",
];

const BUILT_IN_COMMANDS: [&str; 19] = [
    "/usr/sbin/nginx -t",
    "/usr/sbin/nginx -s reload",
    "/usr/sbin/apachectl configtest",
    "/usr/sbin/apachectl graceful",
    "/usr/sbin/apache2ctl configtest",
    "/usr/sbin/apache2ctl graceful",
    "/usr/sbin/haproxy -c -f /etc/haproxy/haproxy.cfg",
    "/usr/bin/systemctl reload nginx",
    "/usr/bin/systemctl reload apache2",
    "/usr/bin/systemctl reload httpd",
    "/usr/bin/systemctl reload haproxy",
    "/usr/bin/systemctl reload caddy",
    "/usr/bin/systemctl reload envoy",
    "/usr/bin/systemctl reload postfix",
    "/usr/bin/systemctl reload dovecot",
    "/usr/sbin/postfix check",
    "/usr/sbin/postfix reload",
    "/usr/bin/doveconf -n",
    "/usr/bin/doveadm reload",
];

fn split(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn check_root(path: &Path) -> Result<(), &'static str> {
    if !path.is_absolute() {
        return Err("must be an absolute path");
    }
    if path.components().any(|part| matches!(part, Component::ParentDir)) {
        return Err("must not contain `..`");
    }
    if path.components().count() == 1 {
        return Err("would allow every file of the host");
    }
    Ok(())
}

/// Component by component; `*` as a whole component stands for any one.
fn lies_under(root: &Path, path: &Path) -> bool {
    let mut path = path.components();
    root.components().all(|wanted| path.next().is_some_and(|part| wanted == part || wanted.as_os_str() == "*"))
}

fn command_matches(pattern: &[String], argv: &[String]) -> bool {
    let same_length = pattern.len() == argv.len();
    let same_program = pattern.first() == argv.first();
    same_length && same_program && pattern.iter().zip(argv).skip(1).all(|(pattern, word)| word_matches(pattern, word))
}

/// `*` stands for any characters but `/`. It never matches a word that starts with `-` unless the pattern does: an argument
/// must not become an option.
fn word_matches(pattern: &str, word: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == word;
    }
    if word.starts_with('-') && !pattern.starts_with('-') {
        return false;
    }
    let mut pieces = pattern.split('*');
    let (Some(first), Some(last)) = (pieces.next(), pieces.next_back()) else { return false };
    let Some(mut middle) = word.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    let mut skipped = String::new();
    for piece in pieces {
        let Some((before, after)) = middle.split_once(piece) else { return false };
        skipped.push_str(before);
        middle = after;
    }
    !word.is_empty() && !skipped.contains('/') && !middle.contains('/')
}

#[cfg(test)]
mod tests;
