//! The steps of a deployment. Each is a line in its report and an instant at which a crash test kills the process.

certctl_connector::instants! {
    /// One step. The order is that of a deployment; those from [`Step::RollBack`] on happen only when one before failed.
    pub enum Step {
        /// Key, chain, validity, paths, commands, policy.
        Check = "deploy.check",
        /// Exclusive use of target and files.
        Lock = "deploy.lock",
        /// Finish or undo what an earlier deployment of this target left open.
        Settle = "deploy.settle",
        /// Compare wanted with present bytes, modes and owners.
        Compare = "deploy.compare",
        /// Note that a reload is owed although the files are right.
        Owe = "deploy.owe",
        /// Write into the journal what is going to happen.
        Intent = "deploy.intent",
        /// Write the new files beside the live ones. Passed once per file.
        Stage = "deploy.stage",
        /// Copy the former files into the state directory. Passed once per file.
        BackUp = "deploy.back_up",
        /// Keep the former files linked, so that going back is a rename. Passed once per file.
        Park = "deploy.park",
        /// Put a new file in place. Passed once per file.
        Rename = "deploy.rename",
        /// Make the renames survive a power cut.
        SyncDirectory = "deploy.sync_directory",
        /// Note in the journal that all files are in place.
        Commit = "deploy.commit",
        /// Run the validate command.
        Validate = "deploy.validate",
        /// Run the reload command.
        Reload = "deploy.reload",
        /// Shake hands with the endpoint.
        Verify = "deploy.verify",
        /// Note in the journal that the deployment is done.
        Finish = "deploy.finish",
        /// Remove what the swap left beside the live files, and close the journal.
        CleanUp = "deploy.clean_up",
        /// Note in the journal that the former files come back.
        RollBack = "deploy.roll_back",
        /// Put a former file back. Passed once per file.
        Restore = "deploy.restore",
        /// Run the reload command on the former files.
        ReloadBack = "deploy.reload_back",
        /// Close the journal of a deployment that was undone.
        CloseUndone = "deploy.close_undone",
    }
}

impl Step {
    /// Stable name in reports.
    pub fn name(self) -> &'static str {
        let point = self.point();
        point.strip_prefix(PREFIX).unwrap_or(point)
    }
}

const PREFIX: &str = "deploy.";
