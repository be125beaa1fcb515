//! The SQL pairs, embedded in the program or read from a directory.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use crate::Backend;

/// One migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number, the order of application.
    pub version: i64,
    /// The rest of its file name.
    pub name: String,
    /// SQL that applies it.
    pub up: String,
    /// SQL that undoes it.
    pub down: String,
    /// SHA-256 of `up`, hexadecimal.
    pub checksum: String,
}

/// A directory of migrations that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrationFileError {
    /// Reading failed.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file whose name does not say what it is.
    #[error("{}: name migrations NNNNNN_name.up.sql and NNNNNN_name.down.sql", .path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A file without its counterpart.
    #[error("{}: its counterpart {missing} is missing", .path.display())]
    Pair {
        /// The file that is there.
        path: PathBuf,
        /// The one that is not.
        missing: String,
    },
    /// Two migrations with one number.
    #[error("{}: another migration has the same number", .path.display())]
    Number {
        /// One of the two.
        path: PathBuf,
    },
}

impl Migration {
    fn new(version: i64, name: &str, up: String, down: String) -> Self {
        let checksum = hex::encode(digest::digest(&digest::SHA256, up.as_bytes()));
        Self { version, name: name.to_owned(), up, down, checksum }
    }
}

/// Names the pairs once; both databases have each.
macro_rules! embedded {
    ($($version:literal $name:literal),* $(,)?) => {
        pub(super) fn embedded(backend: Backend) -> Vec<Migration> {
            match backend {
                Backend::Sqlite => vec![$(embedded!(@one "sqlite" $version $name)),*],
                Backend::Postgres => vec![$(embedded!(@one "postgres" $version $name)),*],
            }
        }
    };
    (@one $backend:literal $version:literal $name:literal) => {{
        let (version, name) = parse_stem(concat!($version, "_", $name)).expect("the list below is well-formed");
        Migration::new(
            version,
            name,
            include_str!(concat!("../../../../migrations/", $backend, "/", $version, "_", $name, ".up.sql")).to_owned(),
            include_str!(concat!("../../../../migrations/", $backend, "/", $version, "_", $name, ".down.sql")).to_owned(),
        )
    }};
}

embedded! {
    "000001" "spine",
}

pub(super) fn read_directory(directory: &Path) -> Result<Vec<Migration>, MigrationFileError> {
    let unreadable = |path: &Path, source| MigrationFileError::Read { path: path.to_path_buf(), source };
    let mut migrations: Vec<Migration> = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !file.ends_with(".sql") {
            continue;
        }
        let named = |path: &Path| MigrationFileError::Name { path: path.to_path_buf() };
        let (stem, missing) = match (file.strip_suffix(".up.sql"), file.strip_suffix(".down.sql")) {
            (Some(stem), _) => (stem, format!("{stem}.down.sql")),
            (None, Some(stem)) => (stem, format!("{stem}.up.sql")),
            (None, None) => return Err(named(&path)),
        };
        let (version, name) = parse_stem(stem).ok_or_else(|| named(&path))?;
        if !directory.join(&missing).is_file() {
            return Err(MigrationFileError::Pair { path, missing });
        }
        if file.ends_with(".down.sql") {
            continue;
        }
        if migrations.iter().any(|each| each.version == version) {
            return Err(MigrationFileError::Number { path });
        }
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| unreadable(path, error));
        migrations.push(Migration::new(version, name, read(&path)?, read(&directory.join(&missing))?));
    }
    migrations.sort_by_key(|each| each.version);
    Ok(migrations)
}

/// Reads `000001_spine`.
fn parse_stem(stem: &str) -> Option<(i64, &str)> {
    let (digits, name) = stem.split_once('_')?;
    let well_formed = digits.len() == VERSION_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !well_formed || name.is_empty() {
        return None;
    }
    Some((digits.parse().ok()?, name))
}

const VERSION_DIGITS: usize = 6;
