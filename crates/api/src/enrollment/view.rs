//! Enrolment tokens between the wire and the use cases.

use certctl_app::tokens::{TokenCreated, TokenInput};
use certctl_domain::agent::EnrollmentToken;
use certctl_wire as wire;
use secrecy::ExposeSecret;

use crate::view::{time, time_opt};

pub(super) fn input(body: wire::EnrollmentTokenCreate) -> TokenInput {
    TokenInput {
        ttl_seconds: body.ttl_seconds,
        max_uses: body.max_uses,
        name_pattern: body.name_pattern,
        agent_id: body.agent_id,
    }
}

/// The one time the text of a token is shown.
pub(super) fn created(made: &TokenCreated) -> wire::EnrollmentTokenCreated {
    wire::EnrollmentTokenCreated {
        id: made.token.id.to_string(),
        token: made.secret.expose_secret().to_owned(),
        expires_at: time(made.token.expires_at),
    }
}

pub(super) fn token(token: &EnrollmentToken) -> wire::EnrollmentToken {
    wire::EnrollmentToken {
        id: token.id.to_string(),
        name_pattern: token.name_pattern.clone(),
        agent_id: token.agent_id.as_ref().map(ToString::to_string),
        max_uses: token.max_uses,
        uses: token.uses,
        created_by: token.created_by.clone(),
        created_at: time(token.created_at),
        expires_at: time(token.expires_at),
        revoked_at: time_opt(token.revoked_at),
    }
}
