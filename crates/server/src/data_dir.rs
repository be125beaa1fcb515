//! The data directory: private, and held by one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A data directory that this process holds until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made, entered or written.
    #[error(
        "CERTCTL_DATA_DIR: {} cannot be used: {source}; name a directory that this user may write",
        .path.display()
    )]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another server holds it.
    #[error(
        "CERTCTL_DATA_DIR: {} is in use by another certctl-server{}; stop it or name another directory",
        .path.display(),
        .pid.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Held {
        /// The directory.
        path: PathBuf,
        /// The other process.
        pid: Option<String>,
    },
}

impl DataDir {
    /// Makes the directory if needed (mode 0700, as are parents that are missing) and locks it.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        make_private(path).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(path.join(LOCK_NAME)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::Held { path: path.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(unusable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file or directory within it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Takes group and others out of a directory of ours. A volume that belongs to somebody else keeps its mode: the files in it
/// are private all the same.
fn make_private(path: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.mode();
    if mode & 0o077 != 0 && std::fs::set_permissions(path, Permissions::from_mode(0o700)).is_err() {
        tracing::warn!(path = %path.display(), mode = format!("{:04o}", mode & 0o7777), "the data directory is open to others");
    }
    Ok(())
}

fn read_pid(lock: &mut File) -> Option<String> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.take(PID_MAX).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Writes a file that only its owner can read: staged beside it and renamed, so that a reader sees all of it or the old one.
///
/// # Errors
/// What the system says.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&staged, path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

const LOCK_NAME: &str = "lock";
/// Bytes read of the other process's id.
const PID_MAX: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_told_who_holds_the_directory() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("a/b");
        let first = DataDir::open(&path).expect("opened");
        assert_eq!(std::fs::metadata(&path).expect("made").mode() & 0o777, 0o700);
        let refused = DataDir::open(&path).expect_err("held").to_string();
        assert!(
            refused.contains(&format!("in use by another certctl-server (process {})", std::process::id())),
            "{refused}"
        );
        drop(first);
        DataDir::open(&path).expect("free again");
    }

    #[test]
    fn a_directory_that_cannot_be_made_names_the_variable() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let refused = DataDir::open(&file.path().join("below")).expect_err("not a directory").to_string();
        assert!(refused.starts_with("CERTCTL_DATA_DIR: "), "{refused}");
    }

    #[test]
    fn a_private_file_is_private_whatever_was_there() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("key");
        std::fs::write(&path, "old").expect("written");
        write_private(&path, b"new").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"new");
        assert_eq!(std::fs::metadata(&path).expect("made").mode() & 0o777, 0o600);
    }
}
