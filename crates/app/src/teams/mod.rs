//! Teams.

mod create;
mod delete;
mod read;
mod update;

use crate::edit::Subject;

pub(crate) const TEAM: Subject = Subject { what: "team", table: "teams" };

/// What a person says about a team; what is left out keeps its value, or gets its default.
#[derive(Debug, Clone, Default)]
pub struct TeamInput {
    /// Unique name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
}
