//! Teams and owners: who is called when a certificate needs a person.

use certctl_pki::Timestamp;

use crate::ids::{OwnerId, TeamId};
use crate::refusal::{Refusal, Refusals};

/// An organisational unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Unique name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub revision: i64,
}

/// An accountable person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub id: OwnerId,
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// The team the person belongs to.
    pub team_id: TeamId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub revision: i64,
}

/// Longest display name, in characters.
pub const NAME_MAX: usize = 255;

/// Checks a display name: 1 to [`NAME_MAX`] characters after trimming, without control characters.
pub fn check_name(field: &str, name: &str, refusals: &mut Refusals) {
    let trimmed = name.trim();
    if trimmed.is_empty() {
        refusals.push(Refusal::invalid(field, "is required"));
    } else if trimmed.chars().count() > NAME_MAX {
        refusals.push(Refusal::invalid(field, format!("is longer than {NAME_MAX} characters; shorten it")));
    } else if name.chars().any(char::is_control) {
        refusals.push(Refusal::invalid(field, "holds a control character; remove it"));
    }
}
