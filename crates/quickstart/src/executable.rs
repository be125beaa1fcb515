//! The executable that the agent may run: one that nobody else can exchange.

use std::ffi::OsStr;
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
    let own = own().and_then(|path| path.canonicalize()).map_err(failed)?;
    if is_trusted(&own).map_err(failed)? {
        return Ok(own);
    }
    let copy = layout.root().join("bin").join("certctl");
    copy_to(&own, &copy).map_err(failed)?;
    Ok(copy)
}

/// As the kernel tells it. Where `/proc` is closed or missing, as whoever started this process has called it.
fn own() -> io::Result<PathBuf> {
    std::env::current_exe().or_else(|error| {
        let name = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
        let search = std::env::var_os("PATH").unwrap_or_default();
        called(&name, &search).ok_or(error)
    })
}

/// The file that a shell would start under this name.
fn called(name: &Path, search: &OsStr) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return Some(name.to_owned());
    }
    std::env::split_paths(search).map(|directory| directory.join(name)).find(|path| path.is_file())
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
    fn a_name_without_a_directory_is_searched_for() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("certctl");
        std::fs::write(&file, "program").expect("written");
        let search = std::env::join_paths([Path::new("/nonexistent"), home.path()]).expect("a search path");
        assert_eq!(called(Path::new("certctl"), &search), Some(file.clone()));
        assert_eq!(called(Path::new("./certctl"), &search), Some("./certctl".into()));
        assert_eq!(called(&file, OsStr::new("")), Some(file));
        assert_eq!(called(Path::new(""), &search), None);
    }

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
