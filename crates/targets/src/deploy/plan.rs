//! What a deployment is to do, as data: a target that is a set of files makes one of these and nothing else.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use certctl_connector::{ErrorClass, Material};
use certctl_pki::{PrivateKey, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{place::Place, verify::Verify};
use crate::{command, site::Site, trouble::Trouble};

/// A deployment.
pub(crate) struct Plan {
    /// Id of the target; names its record, lock and backups.
    pub(crate) target: String,
    /// What is installed.
    pub(crate) material: Material,
    /// The files, the one that starts with the leaf first.
    pub(crate) files: Vec<PlannedFile>,
    /// Replace files that certctl did not make and that are not PEM.
    pub(crate) adopt: bool,
    pub(crate) commands: Commands,
    /// `None`: nobody looks.
    pub(crate) verify: Option<Verify>,
}

/// One file of a deployment.
pub(crate) struct PlannedFile {
    pub(crate) to: Destination,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// Where a file goes, and whose it is to be.
pub(crate) struct Destination {
    pub(crate) path: PathBuf,
    /// Holds a private key.
    pub(crate) private: bool,
    /// What the configuration says; where it is silent the present file's, else the default, decides.
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<u32>,
    pub(crate) group: Option<u32>,
}

/// Commands of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commands {
    /// Judges the new files in place, before the service is told.
    pub(crate) validate: Option<Vec<String>>,
    /// Makes the service load them.
    pub(crate) reload: Option<Vec<String>>,
}

impl Commands {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Vec<String>> {
        self.validate.iter().chain(&self.reload)
    }
}

impl Plan {
    /// Everything that can be known to be wrong before anything is touched.
    pub(crate) fn check(&self, site: &Site, now: Timestamp) -> Result<(), Trouble> {
        check_material(&self.material, now)?;
        let mut seen = BTreeSet::new();
        for file in &self.files {
            only_once(&mut seen, &Place::open(&file.to.path, site)?)?;
        }
        self.commands.iter().try_for_each(|argv| command::check(site, argv))
    }
}

/// Refuses a place that another file goes to.
pub(super) fn only_once(seen: &mut BTreeSet<PathBuf>, place: &Place) -> Result<(), Trouble> {
    if seen.insert(place.path().to_owned()) {
        return Ok(());
    }
    Err(Trouble::config(format!("{} is the destination of two files", place.path().display())))
}

/// A leaf, its key and its chain that belong together and are valid now.
fn check_material(material: &Material, now: Timestamp) -> Result<(), Trouble> {
    const CLOCKS_DIFFER: Duration = Duration::from_secs(300);
    let refuse = |message: String| Trouble::new(ErrorClass::TargetValidate, message);
    let leaf = &material.leaf;
    let key = PrivateKey::from_pem(material.key_pem.expose_secret())
        .map_err(|error| refuse(format!("the private key cannot be read: {error}")))?;
    if key.public_key().spki_der() != leaf.public_key().spki_der() {
        return Err(refuse("the private key does not belong to the certificate".to_owned()));
    }
    let mut below = leaf;
    for above in &material.chain {
        below.verify_issued_by(above).map_err(|error| refuse(format!("the chain is out of order: {error}")))?;
        below = above;
    }
    if leaf.not_after() <= now {
        return Err(refuse(format!("the certificate expired at {}", leaf.not_after())));
    }
    if leaf.not_before() > now.checked_add(CLOCKS_DIFFER).unwrap_or(now) {
        let start = leaf.not_before();
        return Err(refuse(format!(
            "the certificate is valid from {start} only, and it is {now} here; check the clock"
        )));
    }
    Ok(())
}
