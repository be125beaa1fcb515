//! The temporary directory of a run, and the user who owns it.

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
        for path in [space.programs(), space.temporary()] {
            std::fs::create_dir_all(&path)?;
        }
        std::fs::write(space.skips(), "")?;
        for path in [space.path().to_path_buf(), space.programs(), space.temporary(), space.skips()] {
            space.give(&path)?;
        }
        Ok(space)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where programs under test lie.
    pub(crate) fn programs(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// The TMPDIR of the tests.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Where tests write that they did nothing, and why.
    pub(crate) fn skips(&self) -> PathBuf {
        self.path().join("skips")
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
}
