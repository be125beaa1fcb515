//! The steps of a deployment. Each is a line in its report and an instant at which a crash test kills the process.

/// One step. The order is that of a deployment; those from [`Step::RollBack`] on happen only when one before failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Key, chain, validity, paths, commands, policy.
    Check,
    /// Exclusive use of target and files.
    Lock,
    /// Finish or undo what an earlier deployment of this target left open.
    Settle,
    /// Compare wanted with present bytes, modes and owners.
    Compare,
    /// Note that a reload is owed although the files are right.
    Owe,
    /// Write into the journal what is going to happen.
    Intent,
    /// Write the new files beside the live ones. Passed once per file.
    Stage,
    /// Copy the former files into the state directory. Passed once per file.
    BackUp,
    /// Keep the former files linked, so that going back is a rename. Passed once per file.
    Park,
    /// Put a new file in place. Passed once per file.
    Rename,
    /// Make the renames survive a power cut.
    SyncDirectory,
    /// Note in the journal that all files are in place.
    Commit,
    /// Run the validate command.
    Validate,
    /// Run the reload command.
    Reload,
    /// Shake hands with the endpoint.
    Verify,
    /// Note in the journal that the deployment is done.
    Finish,
    /// Remove what the swap left beside the live files, and close the journal.
    CleanUp,
    /// Note in the journal that the former files come back.
    RollBack,
    /// Put a former file back. Passed once per file.
    Restore,
    /// Run the reload command on the former files.
    ReloadBack,
    /// Close the journal of a deployment that was undone.
    CloseUndone,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 21] = [
        Self::Check,
        Self::Lock,
        Self::Settle,
        Self::Compare,
        Self::Owe,
        Self::Intent,
        Self::Stage,
        Self::BackUp,
        Self::Park,
        Self::Rename,
        Self::SyncDirectory,
        Self::Commit,
        Self::Validate,
        Self::Reload,
        Self::Verify,
        Self::Finish,
        Self::CleanUp,
        Self::RollBack,
        Self::Restore,
        Self::ReloadBack,
        Self::CloseUndone,
    ];

    /// Stable name in reports.
    pub fn name(self) -> &'static str {
        let point = self.point();
        point.strip_prefix(PREFIX).unwrap_or(point)
    }

    /// Name of the failpoint ([`certctl_connector::fault::point`]).
    pub fn point(self) -> &'static str {
        match self {
            Self::Check => "deploy.check",
            Self::Lock => "deploy.lock",
            Self::Settle => "deploy.settle",
            Self::Compare => "deploy.compare",
            Self::Owe => "deploy.owe",
            Self::Intent => "deploy.intent",
            Self::Stage => "deploy.stage",
            Self::BackUp => "deploy.back_up",
            Self::Park => "deploy.park",
            Self::Rename => "deploy.rename",
            Self::SyncDirectory => "deploy.sync_directory",
            Self::Commit => "deploy.commit",
            Self::Validate => "deploy.validate",
            Self::Reload => "deploy.reload",
            Self::Verify => "deploy.verify",
            Self::Finish => "deploy.finish",
            Self::CleanUp => "deploy.clean_up",
            Self::RollBack => "deploy.roll_back",
            Self::Restore => "deploy.restore",
            Self::ReloadBack => "deploy.reload_back",
            Self::CloseUndone => "deploy.close_undone",
        }
    }
}

const PREFIX: &str = "deploy.";
