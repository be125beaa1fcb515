//! The way back: from any mixture of new and former files to the former ones.

use std::fs;

use certctl_connector::ErrorClass;

use super::{
    Step,
    place::AccessList,
    record::{Former, Phase},
    swap::{Slot, Swap},
};
use crate::trouble::Trouble;

/// What is at a destination, judged against an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    New,
    Former,
    Nothing,
    /// Someone else wrote here meanwhile.
    Foreign,
}

impl Swap {
    pub(super) fn begin_undo(&mut self) -> Result<(), Trouble> {
        self.site.at(Step::RollBack)?;
        self.enter(Phase::Undoing)
    }

    /// Whether every destination holds the new file.
    pub(super) fn all_new(&self) -> Result<bool, Trouble> {
        for slot in &self.slots {
            let present = slot.place.look()?;
            if present.is_none_or(|present| present.sha256() != slot.file.sha256) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether some destination holds a new file that differs from the former one.
    pub(super) fn any_new(&self) -> Result<bool, Trouble> {
        for slot in &self.slots {
            if slot.find()? == Found::New {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Brings every former file back. One that someone else changed meanwhile is left alone and noted in `foreign`.
    pub(super) fn undo(&mut self) -> Result<(), Trouble> {
        self.foreign.clear();
        for slot in &self.slots {
            self.site.at(Step::Restore)?;
            if !slot.restore()? {
                self.foreign.push(slot.place.path().to_owned());
            }
        }
        self.sync_all()
    }

    /// Closes the journal of a deployment that was undone.
    pub(super) fn close_undone(&mut self, reload_owed: bool) -> Result<(), Trouble> {
        self.site.at(Step::CloseUndone)?;
        let backups = self.backup_dir();
        self.record.intent = None;
        self.record.reload_owed |= reload_owed;
        self.record.generation += u64::from(!self.foreign.is_empty());
        self.record.save(&self.site, &self.target)?;
        if self.foreign.is_empty() {
            // The former material is live again; a copy would only be one more place for a key.
            let _ = fs::remove_dir_all(backups);
        }
        Ok(())
    }

    /// What the way back could not bring back.
    pub(super) fn lost(&self) -> Option<Trouble> {
        let names: Vec<_> = self.foreign.iter().map(|path| path.display().to_string()).collect();
        let backups = self.site.backups(&self.target);
        let message = format!(
            "{} was changed by someone else during the deployment and is left alone; the former file is under {}",
            names.join(", "),
            backups.display()
        );
        (!names.is_empty()).then(|| Trouble::new(ErrorClass::RollbackFailed, message))
    }
}

impl Slot {
    /// Brings the former file back; `false` when someone else's file is in its place.
    fn restore(&self) -> Result<bool, Trouble> {
        self.place.remove(&self.file.staged)?;
        let found = self.find()?;
        if found == Found::Foreign {
            self.place.remove(&self.file.parked)?;
            return Ok(false);
        }
        match &self.file.former {
            None if found == Found::New => self.place.remove(self.place.name())?,
            None => {}
            Some(former) => self.bring_back(former, found)?,
        }
        Ok(true)
    }

    fn bring_back(&self, former: &Former, found: Found) -> Result<(), Trouble> {
        if let Some(parked) = self.place.look_at(&self.file.parked)?
            && parked.sha256() == former.sha256
        {
            return self.place.take(&self.file.parked);
        }
        self.place.remove(&self.file.parked)?;
        if found == Found::Former {
            return Ok(());
        }
        let bytes = fs::read(&former.backup).map(zeroize::Zeroizing::new);
        let bytes = bytes.map_err(|error| Trouble::io("read the backup", &former.backup, &error))?;
        self.place.write_beside(&self.file.parked, &bytes, &former.access, None, AccessList::Removed)?;
        self.place.take(&self.file.parked)
    }

    fn find(&self) -> Result<Found, Trouble> {
        let Some(present) = self.place.look()? else { return Ok(Found::Nothing) };
        let found = present.sha256();
        Ok(match &self.file.former {
            Some(former) if former.sha256 == found => Found::Former,
            _ if self.file.sha256 == found => Found::New,
            _ => Found::Foreign,
        })
    }
}
