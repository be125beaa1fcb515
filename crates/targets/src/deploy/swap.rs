//! The way forward: from files that are prepared beside the live ones to files in place.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use certctl_connector::{
    Deployed, ErrorClass,
    target::{Change, Verification},
};
use certctl_pki::{Certificate, pem};
use zeroize::Zeroizing;

use super::{
    Step,
    place::{Access, AccessList, Place, Present, SharedPlace},
    plan::{Destination, Plan, PlannedFile},
    record::{Former, Intent, IntentFile, Phase, Record, sha256, sync_parent},
};
use crate::{site::Site, trouble::Trouble};

/// A deployment whose destinations are open and whose former files are known.
pub(super) struct Swap {
    pub(super) site: Arc<Site>,
    pub(super) target: String,
    pub(super) record: Record,
    pub(super) intent: Intent,
    pub(super) slots: Vec<Slot>,
    /// Destinations that someone else changed during the swap; left alone by the way back.
    pub(super) foreign: Vec<PathBuf>,
    previous_fingerprint: Option<String>,
}

/// One destination.
pub(super) struct Slot {
    pub(super) place: SharedPlace,
    pub(super) file: IntentFile,
    /// What is to be written; `None` when an intent is read back, which never writes new material.
    wanted: Option<Wanted>,
    former: Option<Present>,
}

struct Wanted {
    bytes: Zeroizing<Vec<u8>>,
    access: Access,
    list: AccessList,
    /// Holds a private key.
    private: bool,
}

impl Swap {
    /// Opens the destinations of `plan` and looks at what is there. Changes nothing.
    pub(super) fn compare(site: Arc<Site>, plan: Plan) -> Result<Self, Trouble> {
        let record = Record::load(&site, &plan.target)?;
        let backups = site.backups(&plan.target).join((record.generation + 1).to_string());
        let mut slots = Vec::with_capacity(plan.files.len());
        for (index, file) in plan.files.into_iter().enumerate() {
            let place = Place::open(&file.to.path, &site)?;
            let former = place.look()?;
            refuse_foreign(&place, former.as_ref(), &record.created, plan.adopt)?;
            slots.push(Slot::new(place, file, former, &backups.join(format!("{index}.pem"))));
        }
        let previous_fingerprint =
            slots.first().and_then(|slot| slot.former.as_ref()).and_then(leaf).map(|leaf| leaf.fingerprint_sha256());
        let intent = Intent {
            phase: Phase::Swapping,
            fingerprint: plan.material.leaf.fingerprint_sha256(),
            files: slots.iter().map(|slot| slot.file.clone()).collect(),
            commands: plan.commands,
            verify: plan.verify,
        };
        Ok(Self { site, target: plan.target, record, intent, slots, foreign: Vec::new(), previous_fingerprint })
    }

    /// Reopens what a record says is under way.
    pub(super) fn reopen(site: Arc<Site>, target: String, record: Record, intent: Intent) -> Result<Self, Trouble> {
        let mut slots = Vec::with_capacity(intent.files.len());
        for file in &intent.files {
            let place = Arc::new(Place::open(&file.path, &site)?);
            slots.push(Slot { place, file: file.clone(), wanted: None, former: None });
        }
        Ok(Self { site, target, record, intent, slots, foreign: Vec::new(), previous_fingerprint: None })
    }

    /// Whether bytes, modes and owners are right already.
    pub(super) fn is_in_place(&self) -> bool {
        self.slots.iter().all(|slot| match (&slot.former, &slot.wanted) {
            (Some(former), Some(wanted)) => {
                let shared_further = wanted.private && former.group_of_list.is_some();
                former.bytes == wanted.bytes && former.access == wanted.access && !shared_further
            }
            (None, _) | (_, None) => false,
        })
    }

    /// Whether anything was replaced, not only created.
    pub(super) fn had_originals(&self) -> bool {
        self.slots.iter().any(|slot| slot.file.former.is_some())
    }

    pub(super) fn deployed(&self, change: Change, verification: Verification) -> Deployed {
        Deployed {
            change,
            fingerprint: self.intent.fingerprint.clone(),
            previous_fingerprint: self.previous_fingerprint.clone(),
            verification,
        }
    }

    pub(super) fn backup_dir(&self) -> PathBuf {
        self.site.backups(&self.target).join((self.record.generation + 1).to_string())
    }

    pub(super) fn owe_reload(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::Owe)?;
        self.record.reload_owed = true;
        self.record.save(&self.site, &self.target)
    }

    pub(super) fn reload_done(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::Finish)?;
        self.record.reload_owed = false;
        self.record.save(&self.site, &self.target)
    }

    pub(super) fn write_intent(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::Intent)?;
        self.enter(Phase::Swapping)
    }

    pub(super) fn stage(&mut self) -> Result<(), Trouble> {
        for slot in &self.slots {
            self.site.at(Step::Stage)?;
            let wanted = slot.wanted.as_ref().expect("only a compared swap stages");
            let like = slot.former.is_some().then(|| slot.place.name());
            slot.place.write_beside(&slot.file.staged, &wanted.bytes, &wanted.access, like, wanted.list)?;
        }
        Ok(())
    }

    pub(super) fn back_up(&mut self) -> Result<(), Trouble> {
        let dir = self.backup_dir();
        let failed = |error: io::Error| Trouble::io("write backups to", &dir, &error);
        remove_dir(&dir).map_err(failed)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(failed)?;
        for slot in &self.slots {
            self.site.at(Step::BackUp)?;
            if let (Some(present), Some(former)) = (&slot.former, &slot.file.former) {
                write_private(&former.backup, &present.bytes).map_err(failed)?;
            }
        }
        // The three directories above the files may be new.
        for path in [dir.join("x"), dir.clone(), self.site.backups(&self.target)] {
            sync_parent(&path).map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn park(&mut self) -> Result<(), Trouble> {
        for slot in &self.slots {
            self.site.at(Step::Park)?;
            let Some(former) = &slot.former else { continue };
            slot.place.keep_as(&slot.file.parked, former)?;
            let parked = slot.place.look_at(&slot.file.parked)?;
            if parked.is_none_or(|parked| parked.bytes != former.bytes) {
                let message = format!("{} was changed by someone else just now", slot.place.path().display());
                return Err(Trouble::new(ErrorClass::Internal, message));
            }
        }
        Ok(())
    }

    pub(super) fn rename(&mut self) -> Result<(), Trouble> {
        for slot in &self.slots {
            self.site.at(Step::Rename)?;
            slot.place.take(&slot.file.staged)?;
        }
        Ok(())
    }

    pub(super) fn sync_directories(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::SyncDirectory)?;
        self.slots.iter().try_for_each(|slot| slot.place.sync_directory())
    }

    pub(super) fn commit(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::Commit)?;
        self.enter(Phase::Committed)
    }

    /// The new material is proved: forget the way back, keep one generation of backups.
    pub(super) fn finish(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::Finish)?;
        self.record.reload_owed = false;
        self.record.generation += 1;
        self.record.created.extend(self.slots.iter().map(|slot| slot.file.path.clone()));
        self.enter(Phase::Closing)?;
        self.clean_up()
    }

    /// Removes what a finished swap left, and closes the journal.
    pub(super) fn clean_up(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::CleanUp)?;
        for slot in &self.slots {
            slot.place.remove(&slot.file.parked)?;
            slot.place.remove(&slot.file.staged)?;
        }
        self.sync_all()?;
        self.record.intent = None;
        self.record.save(&self.site, &self.target)?;
        self.remove_old_backups(self.record.generation);
        Ok(())
    }

    pub(super) fn sync_all(&self) -> Result<(), Trouble> {
        self.slots.iter().try_for_each(|slot| slot.place.sync_directory())
    }

    /// Writes the intent with a new phase.
    pub(super) fn enter(&mut self, phase: Phase) -> Result<(), Trouble> {
        self.intent.phase = phase;
        self.record.intent = Some(self.intent.clone());
        self.record.save(&self.site, &self.target)
    }

    /// Former keys do not pile up: all generations but `keep` go. Best effort; the next deployment tries again.
    pub(super) fn remove_old_backups(&self, keep: u64) {
        let Ok(entries) = fs::read_dir(self.site.backups(&self.target)) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name() != *keep.to_string()) {
            let _ = remove_dir(&entry.path());
        }
    }
}

impl Slot {
    fn new(place: Place, file: PlannedFile, former: Option<Present>, backup: &Path) -> Self {
        let id = &sha256(place.path().as_os_str().as_encoded_bytes())[..16];
        let access = wanted_access(&file.to, former.as_ref());
        let intent = IntentFile {
            path: place.path().to_owned(),
            staged: format!(".certctl-{id}.new"),
            parked: format!(".certctl-{id}.old"),
            sha256: sha256(&file.bytes),
            former: former.as_ref().map(|present| Former {
                sha256: present.sha256(),
                access: present.access_without_list(),
                backup: backup.to_owned(),
            }),
        };
        // A list could let more people at a key than its mode tells, and would override a permission of the configuration.
        let list = if file.to.private || file.to.mode.is_some() { AccessList::Removed } else { AccessList::Kept };
        let wanted = Wanted { bytes: file.bytes, access, list, private: file.to.private };
        Self { place: Arc::new(place), file: intent, wanted: Some(wanted), former }
    }
}

/// Explicit configuration, else what the present file has, else the default. A key that others could read is not kept so.
pub(super) fn wanted_access(file: &Destination, former: Option<&Present>) -> Access {
    let default_mode = if file.private { 0o600 } else { 0o644 };
    let kept_mode = former.map(|present| match file.private {
        true => present.access_without_list().mode & !0o007,
        false => present.access.mode,
    });
    let (own_uid, own_gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Access {
        mode: file.mode.or(kept_mode).unwrap_or(default_mode),
        uid: file.owner.or(former.map(|present| present.access.uid)).unwrap_or(own_uid),
        gid: file.group.or(former.map(|present| present.access.gid)).unwrap_or(own_gid),
    }
}

/// A file that is neither PEM nor ours is something else that somebody needs.
pub(super) fn refuse_foreign(
    place: &Place,
    present: Option<&Present>,
    created: &BTreeSet<PathBuf>,
    adopt: bool,
) -> Result<(), Trouble> {
    let Some(present) = present else { return Ok(()) };
    if adopt || present.is_pem() || created.contains(place.path()) {
        return Ok(());
    }
    let remedy = "exists, is not PEM and was not made by certctl; choose another path or set `adopt` to replace it";
    Err(Trouble::config(format!("{} {remedy}", place.path().display())))
}

/// The first certificate in a file.
pub(super) fn leaf(present: &Present) -> Option<Certificate> {
    let text = std::str::from_utf8(&present.bytes).ok()?;
    let block = pem::blocks(text).filter_map(Result::ok).find(|block| block.label == "CERTIFICATE")?;
    Certificate::parse_der(&block.der).ok()
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
