//! Teams between the wire and the use cases.

use certctl_app::teams::TeamInput;
use certctl_domain::ownership::Team;
use certctl_wire as wire;

use crate::view::time;

/// A team as it is shown.
pub(crate) fn team(team: &Team) -> wire::Team {
    wire::Team {
        id: team.id.to_string(),
        name: team.name.clone(),
        description: team.description.clone(),
        created_at: time(team.created_at),
        updated_at: time(team.updated_at),
        revision: team.revision,
    }
}

pub(super) fn new(body: wire::TeamCreate) -> TeamInput {
    TeamInput { name: Some(body.name), description: Some(body.description) }
}

pub(super) fn change(body: wire::TeamUpdate) -> TeamInput {
    TeamInput { name: body.name, description: body.description }
}
