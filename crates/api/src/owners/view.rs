//! Owners between the wire and the use cases.

use certctl_app::owners::OwnerInput;
use certctl_domain::ownership::Owner;
use certctl_wire as wire;

use crate::view::time;

/// An owner as it is shown.
pub(crate) fn owner(owner: &Owner) -> wire::Owner {
    wire::Owner {
        id: owner.id.to_string(),
        name: owner.name.clone(),
        email: owner.email.clone(),
        team_id: owner.team_id.to_string(),
        created_at: time(owner.created_at),
        updated_at: time(owner.updated_at),
        revision: owner.revision,
    }
}

pub(super) fn new(body: wire::OwnerCreate) -> OwnerInput {
    OwnerInput { name: Some(body.name), email: Some(body.email), team_id: Some(body.team_id) }
}

pub(super) fn change(body: wire::OwnerUpdate) -> OwnerInput {
    OwnerInput { name: body.name, email: body.email, team_id: body.team_id }
}
