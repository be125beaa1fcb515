//! The journal: one small file per target in the state directory, replaced as a whole.
//!
//! It says what is under way (the intent), whether a reload is owed, and which files certctl made. It holds no key.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use certctl_connector::ErrorClass;
use serde::{Deserialize, Serialize};

use super::{place::Access, plan::Commands, verify::Verify};
use crate::{site::Site, trouble::Trouble};

/// What is remembered about one target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// A deployment under way.
    pub(super) intent: Option<Intent>,
    /// The files are in place, the service may run on others.
    #[serde(default)]
    pub(super) reload_owed: bool,
    /// Files that certctl wrote here and may therefore replace whatever they hold.
    #[serde(default)]
    pub(super) created: BTreeSet<PathBuf>,
    /// Counts the deployments whose former files were backed up.
    #[serde(default)]
    pub(super) generation: u64,
}

/// What a deployment is about to do; enough to finish or to undo it without the material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) phase: Phase,
    /// SHA-256 of the new leaf.
    pub(super) fingerprint: String,
    pub(super) files: Vec<IntentFile>,
    pub(super) commands: Commands,
    pub(super) verify: Option<Verify>,
}

/// How far a deployment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Files are written and moved; to be undone.
    Swapping,
    /// All new files are in place; to be finished.
    Committed,
    /// The former files are coming back; to be undone.
    Undoing,
    /// Done; something is left to remove.
    Closing,
}

/// One file of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IntentFile {
    /// Without symbolic links.
    pub(super) path: PathBuf,
    /// Name beside it under which the new file is written.
    pub(super) staged: String,
    /// Name beside it under which the former file stays during the swap.
    pub(super) parked: String,
    pub(super) sha256: String,
    /// The former file; `None` when there was none.
    pub(super) former: Option<Former>,
}

/// The file that is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Former {
    pub(super) sha256: String,
    pub(super) access: Access,
    /// Copy in the state directory.
    pub(super) backup: PathBuf,
}

impl Record {
    /// The record of `target`; an empty one when there is none.
    pub(super) fn load(site: &Site, target: &str) -> Result<Self, Trouble> {
        let path = path(site, target)?;
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Trouble::io("read", &path, &error)),
        };
        serde_json::from_slice(&text).map_err(|error| {
            let message = format!("the deployment record {} is damaged ({error}); move it away", path.display());
            Trouble::new(ErrorClass::Internal, message)
        })
    }

    /// Replaces the record of `target`, surely on disk when it returns.
    pub(super) fn save(&self, site: &Site, target: &str) -> Result<(), Trouble> {
        let path = path(site, target)?;
        let text = serde_json::to_vec_pretty(self).expect("a record is plain data");
        write_atomically(&path, &text).map_err(|error| Trouble::io("write", &path, &error))
    }

    /// Targets with a record.
    pub(super) fn targets(site: &Site) -> Result<Vec<String>, Trouble> {
        let dir = site.records();
        let failed = |error: io::Error| Trouble::io("read", &dir, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some(target) = name.to_str().and_then(|name| name.strip_suffix(ENDING)) {
                names.push(target.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    certctl_pki::hex::lower(digest(&SHA256, bytes).as_ref())
}

/// Whether `id` can be a file name.
pub(super) fn is_plain_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=128).contains(&id.len()) && id.bytes().all(plain) && !id.starts_with('.')
}

const ENDING: &str = ".json";

fn path(site: &Site, target: &str) -> Result<PathBuf, Trouble> {
    if !is_plain_id(target) {
        return Err(Trouble::config(format!("target id {target:?} must be 1 to 128 of A-Z a-z 0-9 . _ -")));
    }
    Ok(site.records().join(format!("{target}{ENDING}")))
}

fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_parent(path)
}

pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
