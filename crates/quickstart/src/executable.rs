//! The executable that the agent may run: one that nobody else can exchange.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::layout::Layout;

/// This executable, or its copy in the data directory when group or others may write it: the agent refuses such programs.
pub(crate) fn trusted(layout: &Layout) -> Result<PathBuf, Failure> {
    let failed = |error: io::Error| {
        Failure::new("prepare", "executable", format!("this executable cannot be used by the agent: {error}"))
    };
    let own = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(failed)?;
    if is_trusted(&own).map_err(failed)? {
        return Ok(own);
    }
    let copy = layout.root().join("bin").join("certctl");
    copy_to(&own, &copy).map_err(failed)?;
    Ok(copy)
}

fn is_trusted(path: &Path) -> io::Result<bool> {
    let file = std::fs::metadata(path)?;
    let owner = file.uid();
    let ours = owner == 0 || owner == rustix::process::geteuid().as_raw();
    Ok(ours && file.mode() & 0o022 == 0)
}

/// Staged and renamed: a running copy cannot be written over.
fn copy_to(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
        std::fs::set_permissions(parent, Permissions::from_mode(0o755))?;
    }
    let staged = to.with_extension("new");
    let _ = std::fs::remove_file(&staged);
    std::fs::copy(from, &staged)?;
    std::fs::set_permissions(&staged, Permissions::from_mode(0o755))?;
    std::fs::rename(&staged, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_written_by_its_owner_only() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let (from, to) = (home.path().join("loose"), home.path().join("bin/certctl"));
        std::fs::write(&from, "program").expect("written");
        std::fs::set_permissions(&from, Permissions::from_mode(0o777)).expect("loosened");
        assert!(!is_trusted(&from).expect("looked"));
        copy_to(&from, &to).expect("copied");
        assert!(is_trusted(&to).expect("looked"));
        assert_eq!(std::fs::metadata(&to).expect("there").mode() & 0o777, 0o755);
    }
}
