//! Where everything lies, and the lock that keeps a second quickstart away.
//!
//! ```text
//! server/  data directory of the server         agent/   keys, state and policy of the agent
//! demo/    what the certificate is installed in  logs/    one file per process
//! ca.pem   anchor of the server's certificate    admin.key the administrator's key
//! cli.toml context for the command line          ports.toml the ports, chosen once
//! bin/     a copy of an executable that others may write
//! ```

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The data directory of a quickstart, locked.
pub(crate) struct Layout {
    /// As the user wrote it: for what the user reads.
    pub(crate) shown: PathBuf,
    root: PathBuf,
    _lock: File,
}

impl Layout {
    /// Makes what is missing (mode 0700) and takes the lock.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let unusable = |error: io::Error| {
            Failure::new("prepare", "data_dir", format!("{} cannot be used: {error}", path.display()))
                .hint("name a directory that you may write with --data-dir")
        };
        make_dir(path).map_err(unusable)?;
        let root = path.canonicalize().map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(root.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("{} is in use by another quickstart", path.display());
                return Err(Failure::new("prepare", "data_dir_in_use", message)
                    .hint("stop it, or name another directory with --data-dir"));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let layout = Self { shown: path.to_owned(), root, _lock: lock };
        for dir in [layout.server(), layout.agent(), layout.demo(), layout.logs()] {
            make_dir(&dir).map_err(unusable)?;
        }
        Ok(layout)
    }

    /// Absolute, without links.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn server(&self) -> PathBuf {
        self.root.join("server")
    }

    pub(crate) fn agent(&self) -> PathBuf {
        self.root.join("agent")
    }

    pub(crate) fn demo(&self) -> PathBuf {
        self.root.join("demo")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.root.join("ca.pem")
    }

    pub(crate) fn admin_key(&self) -> PathBuf {
        self.root.join("admin.key")
    }

    pub(crate) fn cli_config(&self) -> PathBuf {
        self.root.join("cli.toml")
    }

    pub(crate) fn ports(&self) -> PathBuf {
        self.root.join("ports.toml")
    }

    pub(crate) fn policy(&self) -> PathBuf {
        self.agent().join("policy.toml")
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Writes a file of mode 0600 so that a reader sees all of it or the old one.
pub(crate) fn write_private(path: &Path, contents: &str) -> io::Result<()> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    let _ = std::fs::remove_file(&staged);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
    file.write_all(contents.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&staged, path)
}
