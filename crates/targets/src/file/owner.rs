//! Names of users and groups to numbers, from the host's own files. Accounts of a directory service are given as numbers.

use std::{fs, path::Path};

use crate::trouble::Trouble;

/// The uid of `given`, a name or a number.
pub(super) fn user(field: &str, given: Option<&str>) -> Result<Option<u32>, Trouble> {
    number(field, given, Path::new("/etc/passwd"))
}

/// The gid of `given`, a name or a number.
pub(super) fn group(field: &str, given: Option<&str>) -> Result<Option<u32>, Trouble> {
    number(field, given, Path::new("/etc/group"))
}

fn number(field: &str, given: Option<&str>, file: &Path) -> Result<Option<u32>, Trouble> {
    let Some(given) = given else { return Ok(None) };
    if let Ok(number) = given.parse() {
        return Ok(Some(number));
    }
    let text = fs::read_to_string(file).map_err(|error| Trouble::io("read", file, &error))?;
    match find(&text, given) {
        Some(number) => Ok(Some(number)),
        None => {
            let message = format!("{field}: {given:?} is not in {}; create it or give a number", file.display());
            Err(Trouble::config(message))
        }
    }
}

/// Both files hold `name:password:number:…` lines.
fn find(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then(|| parts.nth(1)?.parse().ok())?
    })
}
