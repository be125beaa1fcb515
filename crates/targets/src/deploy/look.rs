//! What a deployment would meet at its destinations, found out by its own checks and without changing anything.

use std::{collections::BTreeSet, path::PathBuf};

use certctl_connector::Check;
use certctl_pki::Certificate;

use super::{
    place::{Place, Present},
    plan::{Destination, only_once},
    record::Record,
    swap,
};
use crate::{site::Site, trouble::Trouble};

/// What was found.
pub(crate) struct Found {
    /// One for each destination.
    pub(crate) checks: Vec<Check>,
    /// The certificate in the first file, if there is one.
    pub(crate) leaf: Option<Certificate>,
}

/// Looks at every destination of `target`.
pub(crate) fn places(site: &Site, target: &str, destinations: Vec<Result<Destination, Trouble>>, adopt: bool) -> Found {
    let mut look = Look { site, record: Record::load(site, target), adopt, seen: BTreeSet::new() };
    let mut found = Found { checks: Vec::with_capacity(destinations.len()), leaf: None };
    for (index, destination) in destinations.into_iter().enumerate() {
        let check = match destination.and_then(|destination| look.at(&destination)) {
            Ok((place, Some(present))) => {
                found.leaf = found.leaf.or_else(|| swap::leaf(&present).filter(|_| index == 0));
                Check::passed(CHECK, format!("{} is there", place.path().display()))
            }
            Ok((place, None)) => Check::passed(CHECK, format!("{} will be made", place.path().display())),
            Err(trouble) => Check::failed(CHECK, trouble.message),
        };
        found.checks.push(check);
    }
    found
}

struct Look<'a> {
    site: &'a Site,
    record: Result<Record, Trouble>,
    adopt: bool,
    seen: BTreeSet<PathBuf>,
}

impl Look<'_> {
    fn at(&mut self, destination: &Destination) -> Result<(Place, Option<Present>), Trouble> {
        let place = Place::open(&destination.path, self.site)?;
        only_once(&mut self.seen, &place)?;
        let present = place.look()?;
        let record = self.record.as_ref().map_err(Clone::clone)?;
        swap::refuse_foreign(&place, present.as_ref(), &record.created, self.adopt)?;
        place.check_writable(&swap::wanted_access(destination, present.as_ref()))?;
        Ok((place, present))
    }
}

const CHECK: &str = "path";
