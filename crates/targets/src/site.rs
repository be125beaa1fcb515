//! The host as deployments see it: whose process this is, where its state lies, what its policy allows.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Policy, deploy::Step, policy::WRITABLE_BY_OTHERS, trouble::Trouble};

/// What all deployments of one agent share.
pub struct Site {
    state: PathBuf,
    policy: Policy,
    uid: u32,
    #[cfg(test)]
    pub(crate) inject: Inject,
}

/// Lets a test fail a step: answers the error to meet at this step.
#[cfg(test)]
pub(crate) type Inject = Box<dyn Fn(Step) -> Option<io::Error> + Send + Sync>;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// It cannot be made or read.
    #[error("state directory {path} cannot be used; create it 0700 for the agent's user")]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else owns it or may write into it.
    #[error(
        "state directory {path} has owner {owner} and mode {mode:04o}; it must belong to the agent's user (uid {uid}), 0700"
    )]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// Uid that owns it.
        owner: u32,
        /// Its permission.
        mode: u32,
        /// Uid of this process.
        uid: u32,
    },
}

impl Site {
    /// Takes `state` as state directory and makes what is missing in it. One [`Site`] per process and directory.
    ///
    /// # Errors
    /// The directory is not ours alone.
    pub fn open(state: &Path, policy: Policy) -> Result<Arc<Self>, SiteError> {
        Ok(Arc::new(Self::prepare(state, policy)?))
    }

    pub(crate) fn prepare(state: &Path, policy: Policy) -> Result<Self, SiteError> {
        let uid = own_uid();
        private_dir(state, uid)?;
        for room in [TARGETS, LOCKS, BACKUPS] {
            private_dir(&state.join(room), uid)?;
        }
        Ok(Self {
            state: state.to_owned(),
            policy,
            uid,
            #[cfg(test)]
            inject: Box::new(|_| None),
        })
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Uid of this process.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.state.join(TARGETS)
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.state.join(LOCKS)
    }

    pub(crate) fn backups(&self, target: &str) -> PathBuf {
        self.state.join(BACKUPS).join(target)
    }

    /// Passes the instant `step`: a crash test may end the process here, a unit test may fail it.
    #[cfg_attr(not(test), expect(clippy::unnecessary_wraps, reason = "only a test's injected error makes it fail"))]
    pub(crate) fn at(&self, step: Step) -> Result<(), Trouble> {
        certctl_connector::fault::point(step.point());
        #[cfg(test)]
        if let Some(error) = (self.inject)(step) {
            return Err(Trouble::io(step.name(), Path::new("injected"), &error));
        }
        Ok(())
    }

    /// A file that decides what happens on this host must belong to root or to us, and nobody else may write it.
    pub(crate) fn trusts(&self, about: &fs::Metadata) -> Result<(), String> {
        if about.uid() != 0 && about.uid() != self.uid {
            return Err(format!("is owned by uid {}, neither root nor the agent's own user", about.uid()));
        }
        if about.mode() & WRITABLE_BY_OTHERS != 0 {
            return Err(format!("is writable by others (mode {:04o}); chmod go-w", about.mode() & 0o7777));
        }
        Ok(())
    }
}

const TARGETS: &str = "targets";
const LOCKS: &str = "locks";
const BACKUPS: &str = "backups";

/// Effective uid of this process.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn private_dir(path: &Path, uid: u32) -> Result<(), SiteError> {
    let unusable = |source| SiteError::Unusable { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    let about = fs::metadata(path).map_err(unusable)?;
    if about.uid() != uid {
        return Err(SiteError::Unsafe { path: path.to_owned(), owner: about.uid(), mode: about.mode() & 0o7777, uid });
    }
    if about.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
    }
    Ok(())
}
