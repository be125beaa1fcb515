//! What the agent was given and what became of it: one line per event, appended.
//!
//! Its purpose is that no result is lost: one that the server has not taken is found here at the next start. It holds no
//! configuration of a target and no key.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use certctl_wire::JobStatusReport;
use serde::{Deserialize, Serialize};

use crate::{clock::Clock, files};

/// The journal, open for appending.
pub(crate) struct Journal {
    path: PathBuf,
    clock: Clock,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    bytes: u64,
    owed: Owed,
}

/// Results that the server has not taken, by job and lease.
type Owed = BTreeMap<Work, JobStatusReport>;

/// A job under one lease: a job that is given out again is other work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) job: String,
    pub(crate) epoch: i64,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: String,
    #[serde(flatten)]
    work: Work,
    #[serde(flatten)]
    event: Event,
}

/// What happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// Work came.
    Received {
        kind: String,
        certificate: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
    /// A step of it ended.
    Step { step: String, outcome: String },
    /// It ended, and the server must know.
    Result { report: Box<JobStatusReport> },
    /// The server knows, or does not want to.
    Settled { answer: String },
}

impl Journal {
    /// Opens the journal in `state` and drops what is settled.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn open(state: &Path, clock: Clock) -> io::Result<Self> {
        let path = state.join("journal.jsonl");
        let owed = owed(&files::read(&path)?.unwrap_or_default());
        let (file, bytes) = rewrite(&path, clock, &owed)?;
        Ok(Self { path, clock, open: Mutex::new(Open { file, bytes, owed }) })
    }

    /// Results of earlier runs that are still to be reported.
    pub(crate) fn owed(&self) -> Vec<(Work, JobStatusReport)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.owed.iter().map(|(work, report)| (work.clone(), report.clone())).collect()
    }

    /// Notes something for whoever reads the journal. A line that cannot be written is no reason to stop.
    pub(crate) fn note(&self, work: &Work, event: Event) {
        if let Err(error) = self.append(work, event, Durable::No) {
            tracing::warn!(%error, path = %self.path.display(), "the journal cannot be written");
        }
    }

    /// Notes a result; it survives a power cut when this returns.
    ///
    /// # Errors
    /// The line could not be written; the result is owed all the same, as long as the process lives.
    pub(crate) fn result(&self, work: &Work, report: &JobStatusReport) -> io::Result<()> {
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.owed.insert(work.clone(), report.clone());
        }
        self.append(work, Event::Result { report: Box::new(report.clone()) }, Durable::Yes)
    }

    /// Notes that the server has taken a result, or refused it for good.
    pub(crate) fn settled(&self, work: &Work, answer: &str) {
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.owed.remove(work);
        }
        self.note(work, Event::Settled { answer: answer.to_owned() });
    }

    fn append(&self, work: &Work, event: Event, durable: Durable) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.bytes > LARGEST {
            let (file, bytes) = rewrite(&self.path, self.clock, &open.owed)?;
            (open.file, open.bytes) = (file, bytes);
        }
        let line = line(self.clock, work, event);
        open.file.write_all(&line)?;
        open.bytes += line.len() as u64;
        match durable {
            Durable::Yes => open.file.sync_data(),
            Durable::No => Ok(()),
        }
    }
}

enum Durable {
    Yes,
    No,
}

/// Bytes after which settled lines are dropped.
const LARGEST: u64 = 512 * 1024;

fn line(clock: Clock, work: &Work, event: Event) -> Vec<u8> {
    let line = Line { at: clock().to_rfc3339(), work: work.clone(), event };
    let mut bytes = serde_json::to_vec(&line).expect("a line of the journal is plain data");
    bytes.push(b'\n');
    bytes
}

/// A line that a crash cut off is passed over: nothing that follows from it was done.
fn owed(text: &str) -> Owed {
    let mut owed = Owed::new();
    for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        match line.event {
            Event::Result { report } => {
                owed.insert(line.work, *report);
            }
            Event::Settled { .. } => {
                owed.remove(&line.work);
            }
            Event::Received { .. } | Event::Step { .. } => {}
        }
    }
    owed
}

fn rewrite(path: &Path, clock: Clock, owed: &Owed) -> io::Result<(File, u64)> {
    let lines =
        owed.iter().flat_map(|(work, report)| line(clock, work, Event::Result { report: Box::new(report.clone()) }));
    let text: Vec<u8> = lines.collect();
    files::write(path, &text)?;
    let file = OpenOptions::new().append(true).mode(0o600).open(path)?;
    Ok((file, text.len() as u64))
}

#[cfg(test)]
mod tests;
