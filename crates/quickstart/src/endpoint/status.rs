//! The status file: three lines (process id, number of loads, outcome), held with a lock by the process that it speaks of.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// The endpoint's process.
    pub(super) pid: u32,
    /// How often it has tried to load a pair.
    pub(super) loads: u64,
    /// `ok`, `empty`, or why the last try failed.
    pub(super) outcome: String,
}

/// The file in the hands of the endpoint.
pub(super) struct StatusFile(File);

impl StatusFile {
    /// Takes the file and empties it: what it said was said by a process that is gone. `None` when a living endpoint holds
    /// it; a reader holds it for a moment only, and is waited for.
    pub(super) fn hold(path: &Path) -> io::Result<Option<Self>> {
        let give_up = Instant::now() + READERS_GONE;
        Self::hold_while(path, || {
            std::thread::sleep(PAUSE);
            Instant::now() < give_up
        })
    }

    /// Takes the file, trying again as long as `wait`, called whenever somebody else holds it, says so.
    pub(super) fn hold_while(path: &Path, mut wait: impl FnMut() -> bool) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if wait() => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        file.set_len(0)?;
        Ok(Some(Self(file)))
    }

    /// Says how things stand. Readers that come in between see no complete status and read again.
    pub(super) fn write(&self, status: &Status) -> io::Result<()> {
        let outcome = status.outcome.replace('\n', " ");
        let text = format!("{}\n{}\n{outcome}\n", status.pid, status.loads);
        self.0.set_len(0)?;
        self.0.write_all_at(text.as_bytes(), 0)
    }
}

/// Reads the status of a living endpoint; `None` when none lives or it is just writing.
pub(super) fn read(path: &Path) -> io::Result<Option<Status>> {
    let file = File::open(path)?;
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(parse(&std::fs::read_to_string(path)?))
}

fn parse(text: &str) -> Option<Status> {
    let complete = text.strip_suffix('\n')?;
    let mut lines = complete.splitn(3, '\n');
    let pid = lines.next()?.parse().ok()?;
    let loads = lines.next()?.parse().ok()?;
    let outcome = lines.next()?.to_owned();
    Some(Status { pid, loads, outcome })
}

/// A reader looks, and lets go.
const READERS_GONE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(2);
/// A pair was loaded and is served.
pub(super) const OK: &str = "ok";
/// There is no pair yet.
pub(super) const EMPTY: &str = "empty";
