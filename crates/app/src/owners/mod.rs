//! Owners: the persons who are called.

mod create;
mod delete;
mod read;
mod update;

use certctl_domain::ids::TeamId;
use certctl_domain::ownership::{self, NAME_MAX};
use certctl_domain::refusal::{Refusal, Refusals};
use certctl_pki::San;

use crate::edit::{self, Subject};
use crate::error::Result;
use crate::world::App;

pub(crate) const OWNER: Subject = Subject { what: "owner", table: "owners" };

/// What a person says about an owner; what is left out keeps its value, or gets its default.
#[derive(Debug, Clone, Default)]
pub struct OwnerInput {
    /// Name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// The team the person belongs to.
    pub team_id: Option<String>,
}

impl App {
    /// Reports every malformed field of an owner, and a team that does not exist.
    async fn owner_check(&self, name: &str, email: &str, team: Option<&TeamId>, refusals: &mut Refusals) -> Result<()> {
        ownership::check_name("name", name, refusals);
        if email.chars().count() > NAME_MAX || !matches!(San::parse(email), Ok(San::Email(_))) {
            refusals.push(Refusal::invalid("email", "is not an e-mail address such as someone@example.org"));
        }
        let Some(team) = team else { return Ok(()) };
        if certctl_store::teams::get(self.db(), team).await?.is_none() {
            refusals.push(edit::unknown("team_id", "team", team));
        }
        Ok(())
    }
}

/// The team named by the input, or `stored`; nothing when it cannot be an id.
fn team(input: &OwnerInput, stored: Option<&TeamId>, refusals: &mut Refusals) -> Option<TeamId> {
    match (&input.team_id, stored) {
        (None, Some(id)) => Some(id.clone()),
        (None, None) => edit::reference("team_id", "", refusals),
        (Some(text), _) => edit::reference("team_id", text, refusals),
    }
}
