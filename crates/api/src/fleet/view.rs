//! Agents between the wire and the use cases.

use certctl_app::fleet::{AgentCreated, Dependencies, NewAgent};
use certctl_domain::agent::Agent;
use certctl_domain::ids::CertificateId;
use certctl_pki::Timestamp;
use certctl_wire as wire;
use secrecy::ExposeSecret;

use crate::view::{time, time_opt};

/// An agent as it is shown at `now`.
pub(crate) fn agent(agent: &Agent, now: Timestamp) -> wire::Agent {
    wire::Agent {
        id: agent.id.to_string(),
        name: agent.name.clone(),
        hostname: agent.hostname.clone(),
        status: if agent.is_online(now) { wire::AgentStatus::Online } else { wire::AgentStatus::Offline },
        last_heartbeat_at: time_opt(agent.last_heartbeat_at),
        registered_at: time(agent.registered_at),
        os: agent.os.clone(),
        architecture: agent.architecture.clone(),
        ip_address: agent.ip_address.clone(),
        version: agent.version.clone(),
        retired_at: time_opt(agent.retired_at),
        retired_reason: agent.retired_reason.clone(),
        revision: agent.revision,
    }
}

pub(super) fn new(body: wire::AgentCreate) -> NewAgent {
    NewAgent {
        name: body.name,
        hostname: body.hostname,
        os: body.os.unwrap_or_default(),
        architecture: body.architecture.unwrap_or_default(),
        ip_address: body.ip_address.unwrap_or_default(),
        version: body.version.unwrap_or_default(),
    }
}

/// The one time the text of the agent's token is shown.
pub(super) fn created(created: &AgentCreated, now: Timestamp) -> wire::AgentCreated {
    wire::AgentCreated {
        agent: agent(&created.agent, now),
        enrollment_token: created.token.secret.expose_secret().to_owned(),
    }
}

pub(super) fn retired(
    at: Timestamp,
    cascade: bool,
    counts: Dependencies,
    lost: &[CertificateId],
) -> wire::RetireAnswer {
    wire::RetireAnswer {
        retired_at: time(at),
        already_retired: false,
        cascade,
        counts: wire::DependencyCounts {
            active_targets: counts.active_targets,
            active_certificates: counts.active_certificates,
            pending_jobs: counts.pending_jobs,
        },
        certificate_ids: lost.iter().map(ToString::to_string).collect(),
    }
}
