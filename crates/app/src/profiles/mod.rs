//! Profiles: what may be issued. An edit of a profile that gates issuance, or that would, waits for a second person.

mod create;
mod delete;
mod input;
mod read;
mod update;

pub use input::ProfileInput;
pub use update::ProfileUpdated;

use crate::edit::Subject;

pub(crate) use update::edit_digest;

pub(crate) const PROFILE: Subject = Subject { what: "profile", table: "profiles" };
