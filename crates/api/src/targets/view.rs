//! Targets between the wire and the use cases.

use certctl_app::configuration::ConfigInput;
use certctl_app::targets::{NewTarget, TargetInput, TargetTested};
use certctl_domain::target::Target;
use certctl_edge::Problem;
use certctl_wire as wire;

use crate::issuers::view::config;
use crate::jobs::view::step;
use crate::view::{time, time_opt};

/// A target as it is shown; its configuration was masked when it was stored.
pub(crate) fn target(target: &Target) -> Result<wire::Target, Problem> {
    Ok(wire::Target {
        id: target.id.to_string(),
        name: target.name.clone(),
        r#type: target.kind.clone(),
        agent_id: target.agent_id.to_string(),
        config: config(&target.config)?,
        enabled: target.enabled,
        last_tested_at: time_opt(target.last_tested_at),
        test_status: wire::TestStatus::parse(&target.test_status),
        source: Some(target.source.clone()),
        retired_at: time_opt(target.retired_at),
        retired_reason: target.retired_reason.clone(),
        created_at: time(target.created_at),
        updated_at: time(target.updated_at),
        revision: target.revision,
    })
}

pub(super) fn tested(tested: &TargetTested) -> wire::TestAnswer {
    wire::TestAnswer {
        status: tested.outcome.as_str().to_owned(),
        message: Some(tested.message.clone()),
        job_id: tested.job_id.as_ref().map(ToString::to_string),
        checks: tested.checks.iter().map(step).collect(),
    }
}

pub(super) fn new(body: wire::TargetCreate) -> NewTarget {
    NewTarget {
        id: body.id,
        name: body.name,
        kind: body.r#type,
        agent_id: body.agent_id,
        config: body.config,
        enabled: body.enabled,
    }
}

pub(super) fn change(body: wire::TargetUpdate) -> TargetInput {
    TargetInput {
        name: body.name,
        agent_id: body.agent_id,
        config: body.config.map(ConfigInput::Replace),
        enabled: body.enabled,
    }
}

pub(super) fn patch(body: wire::TargetUpdate) -> TargetInput {
    TargetInput {
        name: body.name,
        agent_id: body.agent_id,
        config: body.config.map(ConfigInput::Patch),
        enabled: body.enabled,
    }
}
