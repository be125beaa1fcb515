//! A destination: one name in one directory that was looked at, opened, and is not looked up again.
//!
//! Every later operation goes through the directory's descriptor, so a link put into the path afterwards changes nothing.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Gid, MemfdFlags, Mode, OFlags, Stat, Uid, XattrFlags},
    io::Errno,
};

use super::record::sha256;
use crate::{policy::WRITABLE_BY_OTHERS, site::Site, trouble::Trouble};

/// A place for a file.
pub(crate) struct Place {
    path: PathBuf,
    name: String,
    dir: OwnedFd,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) bytes: zeroize::Zeroizing<Vec<u8>>,
    pub(crate) access: Access,
    /// What its access list leaves to the owning group; `None` without a list, where the mode says it.
    pub(crate) group_of_list: Option<u32>,
    pub(crate) inode: (u64, u64),
}

/// What becomes of the access list (POSIX ACL) of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessList {
    /// That of the file it is like.
    Kept,
    /// There is none, not even one that the directory hands down: the mode says it all.
    Removed,
}

/// Permission and owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Access {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Place {
    /// Opens the directory of `path`, following links in it once, and checks that the agent may write there: inside the
    /// policy, owned by root or by the agent, writable by nobody else.
    pub(crate) fn open(path: &Path, site: &Site) -> Result<Self, Trouble> {
        let name = file_name(path)?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        let real = parent.canonicalize().map_err(|error| Trouble::io("use directory", parent, &error))?;
        site.policy().check_path(&real.join(&name))?;
        let dir = open_directory(&real).map_err(|error| Trouble::io("open directory", &real, &error.into()))?;
        let about = rustix::fs::fstat(&dir).map_err(|error| Trouble::io("look at", &real, &error.into()))?;
        if about.st_uid != 0 && about.st_uid != site.uid() {
            let finding =
                "belongs neither to root nor to the agent's own user; whoever owns it could replace the files";
            return Err(Trouble::config(format!("directory {} (uid {}) {finding}", real.display(), about.st_uid)));
        }
        if about.st_mode & WRITABLE_BY_OTHERS != 0 {
            let mode = about.st_mode & 0o7777;
            let finding = "is writable by group or others; chmod go-w";
            return Err(Trouble::config(format!("directory {} (mode {mode:04o}) {finding}", real.display())));
        }
        Ok(Self { path: real.join(&name), name, dir })
    }

    /// The path without symbolic links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What is there; `None` when nothing is.
    pub(crate) fn look(&self) -> Result<Option<Present>, Trouble> {
        self.look_at(&self.name)
    }

    /// What is beside it under `name`.
    pub(crate) fn look_at(&self, name: &str) -> Result<Option<Present>, Trouble> {
        let failed = |error: io::Error| Trouble::io("read", &self.path, &error);
        // O_NONBLOCK: a named pipe in this place must not stop us.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => {
                let remedy = "is a symbolic link; give the path it points to";
                return Err(Trouble::config(format!("{} {remedy}", self.path.display())));
            }
            Err(error) => return Err(failed(error.into())),
        };
        let about = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
            return Err(Trouble::config(format!("{} is not a regular file", self.path.display())));
        }
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        (&file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > LARGEST {
            let message = format!("{} is larger than {LARGEST} bytes: not a certificate file", self.path.display());
            return Err(Trouble::config(message));
        }
        let group_of_list = group_of_list(&file).map_err(failed)?;
        Ok(Some(Present { bytes, access: Access::of(&about), group_of_list, inode: inode(&about) }))
    }

    /// Writes a new file beside it under `name`, with `access` and the security label of `like` (if it is there).
    pub(crate) fn write_beside(
        &self,
        name: &str,
        bytes: &[u8],
        access: &Access,
        like: Option<&str>,
        list: AccessList,
    ) -> Result<(), Trouble> {
        let beside = self.path.with_file_name(name);
        let failed = |error: io::Error| Trouble::io("write", &beside, &error);
        self.remove(name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = rustix::fs::openat(&self.dir, name, flags, Mode::from_raw_mode(0o600))
            .map(File::from)
            .map_err(|error| failed(error.into()))?;
        file.write_all(bytes).map_err(failed)?;
        self.give(file.as_fd(), access)?;
        if list == AccessList::Removed {
            // Before the mode: on a file with a list, chmod sets what the list may grant at most.
            remove_list(file.as_fd()).map_err(|error| failed(error.into()))?;
        }
        rustix::fs::fchmod(&file, Mode::from_raw_mode(access.mode)).map_err(|error| failed(error.into()))?;
        if let Some(like) = like {
            self.copy_attributes(like, file.as_fd(), list);
        }
        file.sync_all().map_err(failed)
    }

    /// Whether a deployment could write here and give the file to the owner of `access`. Changes nothing: the owner is tried on
    /// memory.
    pub(crate) fn check_writable(&self, access: &Access) -> Result<(), Trouble> {
        use rustix::fs::Access as May;
        rustix::fs::accessat(&self.dir, ".", May::WRITE_OK | May::EXEC_OK, AtFlags::empty())
            .map_err(|error| Trouble::io("write to the directory of", &self.path, &error.into()))?;
        let memory = rustix::fs::memfd_create("certctl-test", MemfdFlags::CLOEXEC)
            .map_err(|error| Trouble::io("try the owner of", &self.path, &error.into()))?;
        self.give(memory.as_fd(), access)
    }

    fn give(&self, file: BorrowedFd<'_>, access: &Access) -> Result<(), Trouble> {
        let about = rustix::fs::fstat(file).map_err(|error| Trouble::io("look at", &self.path, &error.into()))?;
        if (about.st_uid, about.st_gid) == (access.uid, access.gid) {
            return Ok(());
        }
        rustix::fs::fchown(file, Some(Uid::from_raw(access.uid)), Some(Gid::from_raw(access.gid)))
            .map_err(|error| self.cannot_give(access, error))
    }

    /// Links what is there under `name`; where links are not possible, copies it.
    pub(crate) fn keep_as(&self, name: &str, present: &Present) -> Result<(), Trouble> {
        self.remove(name)?;
        match rustix::fs::linkat(&self.dir, &self.name, &self.dir, name, AtFlags::empty()) {
            Ok(()) => Ok(()),
            // No links on this file system, or not of files of another owner (fs.protected_hardlinks).
            Err(Errno::PERM | Errno::NOTSUP | Errno::XDEV | Errno::MLINK | Errno::ACCESS) => {
                self.write_beside(name, &present.bytes, &present.access, Some(&self.name), AccessList::Kept)
            }
            Err(error) => Err(Trouble::io("keep a link to", &self.path, &error.into())),
        }
    }

    /// Puts what is beside it under `name` in this place.
    pub(crate) fn take(&self, name: &str) -> Result<(), Trouble> {
        rustix::fs::renameat(&self.dir, name, &self.dir, &self.name)
            .map_err(|error| Trouble::io("replace", &self.path, &error.into()))?;
        // Two names of one file: rename does nothing then (POSIX), so the second name is still there.
        self.remove(name)
    }

    /// Removes the file of this directory called `name`, if there is one.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Trouble> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(Trouble::io("remove", &self.path.with_file_name(name), &error.into())),
        }
    }

    /// Makes renames in the directory survive a power cut.
    pub(crate) fn sync_directory(&self) -> Result<(), Trouble> {
        rustix::fs::fsync(&self.dir).map_err(|error| Trouble::io("sync the directory of", &self.path, &error.into()))
    }

    /// Security label and, where it is kept, the access list follow the file that is replaced. Best effort: not every file
    /// system has them.
    fn copy_attributes(&self, like: &str, to: BorrowedFd<'_>, list: AccessList) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let Ok(from) = rustix::fs::openat(&self.dir, like, flags, Mode::empty()) else { return };
        let names: &[&str] = match list {
            AccessList::Kept => &[LABEL, LIST],
            AccessList::Removed => &[LABEL],
        };
        for name in names.iter().copied() {
            let mut value = [0_u8; 4096];
            if let Ok(length) = rustix::fs::fgetxattr(&from, name, &mut value) {
                let _ = rustix::fs::fsetxattr(to, name, &value[..length], XattrFlags::empty());
            }
        }
    }

    fn cannot_give(&self, access: &Access, error: Errno) -> Trouble {
        let message = format!(
            "cannot give {} to {}:{} ({error}); set the owner in the target to the agent's user, or run the agent as root",
            self.path.display(),
            access.uid,
            access.gid
        );
        Trouble::config(message)
    }
}

impl Present {
    pub(crate) fn sha256(&self) -> String {
        sha256(&self.bytes)
    }

    /// Who may do what with it once its access list is gone: the group bits of a mode with a list are the list's upper bound,
    /// which the owning group need not reach.
    pub(crate) fn access_without_list(&self) -> Access {
        let mode = self.group_of_list.map_or(self.access.mode, |group| self.access.mode & !0o070 | group << 3);
        Access { mode, ..self.access }
    }

    pub(crate) fn is_pem(&self) -> bool {
        self.bytes.windows(PEM.len()).any(|window| window == PEM)
    }
}

impl Access {
    fn of(about: &Stat) -> Self {
        Self { mode: about.st_mode & 0o7777, uid: about.st_uid, gid: about.st_gid }
    }
}

/// Keeps places in a list that outlives the thread that opened them.
pub(crate) type SharedPlace = Arc<Place>;

const PEM: &[u8] = b"-----BEGIN ";

const LABEL: &str = "security.selinux";
const LIST: &str = "system.posix_acl_access";

/// No file that holds certificates is larger.
const LARGEST: u64 = 1024 * 1024;

const NAME_MAX: usize = 128;

fn file_name(path: &Path) -> Result<String, Trouble> {
    let refuse = |why: &str| Trouble::config(format!("{:?} {why}", path.display()));
    if !path.is_absolute() || path.components().any(|part| matches!(part, Component::ParentDir)) {
        return Err(refuse("must be an absolute path without `..`"));
    }
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| refuse("does not name a file"))?;
    if path.as_os_str().to_string_lossy().ends_with('/') {
        return Err(refuse("names a directory"));
    }
    if name.starts_with('.') || name.len() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(refuse("must be a file name without leading dot, at most 128 characters long"));
    }
    Ok(name.to_owned())
}

/// From the root down, one component after the other, refusing links: the path was resolved before, so a link met now was put
/// there in between.
fn open_directory(real: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut dir = rustix::fs::openat(CWD, "/", flags, Mode::empty())?;
    for part in real.components().skip(1) {
        dir = rustix::fs::openat(&dir, part.as_os_str(), flags, Mode::empty())?;
    }
    Ok(dir)
}

fn remove_list(file: BorrowedFd<'_>) -> Result<(), Errno> {
    match rustix::fs::fremovexattr(file, LIST) {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Reads the access list of a file: version 2, then entries of tag, permission and id, little-endian (Linux `posix_acl_xattr.h`).
fn group_of_list(file: &File) -> io::Result<Option<u32>> {
    const OWNING_GROUP: u16 = 0x04;
    const MASK: u16 = 0x10;
    let mut value = [0_u8; 4096];
    let length = match rustix::fs::fgetxattr(file, LIST, &mut value) {
        Ok(length) => length,
        Err(Errno::NODATA | Errno::NOTSUP) => return Ok(None),
        // A list of five hundred entries: the owning group is left nothing.
        Err(Errno::RANGE) => return Ok(Some(0)),
        Err(error) => return Err(error.into()),
    };
    let entries = value.get(4..length).unwrap_or_default();
    let granted = |wanted: u16| {
        let entry = entries.chunks_exact(8).find(|entry| entry[..2] == wanted.to_le_bytes());
        entry.map(|entry| u32::from(entry[2] & 0o7))
    };
    Ok(Some(granted(OWNING_GROUP).unwrap_or(0) & granted(MASK).unwrap_or(0o7)))
}

/// Widths differ between platforms; as a pair they tell two files apart.
#[expect(clippy::unnecessary_cast, reason = "the fields are narrower on some platforms")]
fn inode(about: &Stat) -> (u64, u64) {
    (about.st_dev as u64, about.st_ino as u64)
}
