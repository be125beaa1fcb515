//! Exclusive use of a target and its files: between tasks and between processes.
//!
//! `flock` on a descriptor of one's own excludes both, and the kernel releases it when the process dies.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    time::{Duration, Instant},
};

use certctl_connector::ErrorClass;
use rustix::{fs::FlockOperation, io::Errno};

use super::{
    place::Place,
    plan::Plan,
    record::{is_plain_id, sha256},
};
use crate::{site::Site, trouble::Trouble};

/// Locks held; released when dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Locks(#[expect(dead_code, reason = "the descriptors are the locks")] Vec<File>);

/// Takes the locks of the target and of all its files.
pub(super) async fn all(site: &Site, plan: &Plan, deadline: Instant) -> Result<Locks, Trouble> {
    let mut names = BTreeSet::from([target_lock(&plan.target)?]);
    for file in &plan.files {
        let place = Place::open(&file.to.path, site)?;
        names.insert(format!("file-{}", sha256(place.path().as_os_str().as_encoded_bytes())));
    }
    take(site, names, deadline).await
}

/// Takes the lock of a target alone: for recovery, whose files are those of its record.
pub(super) async fn target(site: &Site, target: &str, deadline: Instant) -> Result<Locks, Trouble> {
    take(site, BTreeSet::from([target_lock(target)?]), deadline).await
}

fn target_lock(target: &str) -> Result<String, Trouble> {
    if !is_plain_id(target) {
        return Err(Trouble::config(format!("target id {target:?} must be 1 to 128 of A-Z a-z 0-9 . _ -")));
    }
    Ok(format!("target-{target}"))
}

/// In sorted order, so that two deployments never wait for each other.
async fn take(site: &Site, names: BTreeSet<String>, deadline: Instant) -> Result<Locks, Trouble> {
    const ASK_AGAIN: Duration = Duration::from_millis(25);
    let mut held = Vec::with_capacity(names.len());
    for name in names {
        let path = site.locks().join(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| Trouble::io("lock", &path, &error))?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    let message = "another deployment to the same files is still under way";
                    return Err(Trouble::new(ErrorClass::Timeout, message));
                }
                Err(error) => return Err(Trouble::io("lock", &path, &error.into())),
            }
        }
        held.push(file);
    }
    Ok(Locks(held))
}
