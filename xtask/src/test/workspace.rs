//! The temporary directory of a run, and the user who owns it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rustix::fs::{Gid, Uid};

/// `nobody` of every Linux distribution.
const UNPRIVILEGED: u32 = 65_534;

/// A directory that goes with the run.
pub(crate) struct Workspace {
    directory: tempfile::TempDir,
    drop_to: Option<u32>,
}

impl Workspace {
    pub(crate) fn new() -> Result<Self> {
        let directory =
            tempfile::Builder::new().prefix("certctl-test-").tempdir().context("making a temporary directory")?;
        let drop_to = rustix::process::geteuid().is_root().then_some(UNPRIVILEGED);
        let space = Self { directory, drop_to };
        space.give(space.path())?;
        for path in [space.programs(), space.temporary()] {
            space.make(&path)?;
        }
        Ok(space)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where programs under test lie; those with failpoints in `faults` below it.
    pub(crate) fn programs(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// The TMPDIR of the tests.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Makes a directory that belongs to the user who runs the tests.
    pub(crate) fn make(&self, path: &Path) -> Result<()> {
        std::fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
        self.give(path)
    }

    /// Gives a path to the user who runs the tests.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        if let Some(user) = self.drop_to {
            rustix::fs::chown(path, Some(Uid::from_raw(user)), Some(Gid::from_raw(user)))
                .with_context(|| format!("giving {} away", path.display()))?;
        }
        Ok(())
    }

    /// A command run as the user who runs the tests.
    pub(crate) fn unprivileged(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some(user) = self.drop_to {
            command.uid(user).gid(user);
        }
        command
    }

    /// A checkout that the user who runs the tests can read: this one, or a copy where it lies behind closed doors.
    ///
    /// A copy is built from, too, because tests find their fixtures below the directory that they were compiled in.
    pub(crate) fn reachable_source(&self) -> Result<PathBuf> {
        let root = crate::root();
        if self.drop_to.is_none() || is_open(&root) {
            return Ok(root);
        }
        println!("{} is closed to the unprivileged user: testing a copy", root.display());
        let listed = Command::new("git")
            .current_dir(&root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("asking git for the files of the checkout")?;
        let copy = self.path().join("source");
        for name in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
            let to = copy.join(name);
            std::fs::create_dir_all(to.parent().context("a file lies in a directory")?)?;
            // A file that git knows may have been removed from the disk.
            if root.join(name).is_file() {
                std::fs::copy(root.join(name), &to).with_context(|| format!("copying {name}"))?;
            }
        }
        Ok(copy)
    }
}

/// Whether anyone may walk to this directory and read it.
fn is_open(directory: &Path) -> bool {
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    mode(directory) & 0o005 == 0o005 && directory.ancestors().skip(1).all(|parent| mode(parent) & 0o001 == 0o001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_door_anywhere_on_the_way_is_seen() {
        let space = tempfile::tempdir().expect("a temporary directory");
        let inner = space.path().join("inner");
        std::fs::create_dir(&inner).expect("a directory");
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions")
        };
        set(&inner, 0o755);
        set(space.path(), 0o700);
        assert!(!is_open(&inner));
        set(space.path(), 0o711);
        assert!(is_open(&inner) || !is_open(space.path().parent().expect("a parent")));
        set(&inner, 0o750);
        assert!(!is_open(&inner));
    }
}
