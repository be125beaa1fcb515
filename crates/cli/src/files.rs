//! Files a person names: read whole, with the name in every error; secrets written for their owner alone.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::console::Console;
use crate::failure::{Failure, Result};

/// Largest file that is read; requests, certificates and settings are far smaller.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// The text of a file, or of standard input for `-`.
pub(crate) fn read_text(console: &mut Console, flag: &str, path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        (&mut console.input).take(FILE_MAX).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(FILE_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::usage(format!("{flag}: {} cannot be read: {error}", path.display())))?;
    Ok(text)
}

/// Whether anybody but the owner may read a file.
pub(crate) fn is_shared(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
}

/// Writes a file that only its owner may read, in one step: it is old or new, never half.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| Failure::usage(format!("{} cannot be written: {error}", path.display()));
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let staged = directory.join(name);
    let _ = fs::remove_file(&staged);
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&staged, path)?;
        fs::File::open(directory)?.sync_all()
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&staged);
        failed(error)
    })
}

/// A path as written in a file that lies in `base`: `~/` is the home directory, a relative one starts at `base`.
pub(crate) fn expand(path: &str, base: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_) | None, _) => base.join(path),
    }
}
