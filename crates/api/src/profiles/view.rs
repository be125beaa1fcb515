//! Profiles between the wire and the use cases.

use certctl_app::profiles::ProfileInput;
use certctl_domain::approval::Approval;
use certctl_domain::ids::ProfileId;
use certctl_domain::profile::{Profile, ProfileRules};
use certctl_pki::Timestamp;
use certctl_wire as wire;
use serde_json::{Value, json};

use crate::view::time;

/// A profile as it is shown.
pub(crate) fn profile(profile: &Profile) -> wire::Profile {
    let rules = &profile.rules;
    let keys = rules.allowed_key_algorithms.iter();
    wire::Profile {
        id: profile.id.to_string(),
        name: rules.name.clone(),
        description: rules.description.clone(),
        allowed_key_algorithms: keys
            .map(|rule| wire::KeyRule { algorithm: rule.algorithm.as_str().to_owned(), min_size: rule.min_size })
            .collect(),
        max_ttl_seconds: rules.max_ttl_seconds,
        min_ttl_seconds: rules.min_ttl_seconds,
        default_ttl_seconds: rules.default_ttl_seconds,
        allowed_ekus: rules.allowed_ekus.iter().map(|eku| eku.as_str().to_owned()).collect(),
        required_san_patterns: rules.names.required_san_patterns.clone(),
        permitted_dns: rules.names.permitted_dns.clone(),
        forbidden_dns: rules.names.forbidden_dns.clone(),
        permitted_ips: rules.names.permitted_ips.clone(),
        permitted_email_domains: rules.names.permitted_email_domains.clone(),
        spiffe_uri_pattern: rules.names.spiffe_uri_pattern.clone(),
        allow_wildcards: rules.names.allow_wildcards,
        allow_short_lived: rules.allow_short_lived,
        allow_key_reuse: rules.allow_key_reuse,
        must_staple: rules.must_staple,
        required_csr_attributes: rules.required_csr_attributes.clone(),
        acme_auth_mode: Some(rules.acme_auth_mode.as_str().to_owned()),
        requires_approval: rules.requires_approval,
        enabled: rules.enabled,
        created_at: time(profile.created_at),
        updated_at: time(profile.updated_at),
        revision: profile.revision,
    }
}

/// What a new profile has where its creator says nothing, lists that are shown only when they hold something included.
pub(super) fn fresh() -> Value {
    let at = Timestamp::UNIX_EPOCH;
    let rules = ProfileRules::named("");
    let fresh = profile(&Profile { id: ProfileId::fixed("new"), rules, created_at: at, updated_at: at, revision: 1 });
    let mut fields = json!({ "required_csr_attributes": [] });
    crate::shared::overlay(&mut fields, &fresh);
    fields
}

/// The answer to an edit that waits for a second person.
pub(super) fn pending(approval: &Approval) -> wire::ProfileEditPending {
    wire::ProfileEditPending {
        status: "pending_approval".to_owned(),
        pending_approval_id: approval.id.to_string(),
        message: format!(
            "the profile gates issuance, so that a second person approves the edit: request {}, until {}",
            approval.id,
            time(approval.expires_at)
        ),
    }
}

pub(super) fn new(body: wire::ProfileCreate) -> ProfileInput {
    ProfileInput {
        name: Some(body.name),
        description: body.description,
        enabled: body.enabled,
        allowed_key_algorithms: body.allowed_key_algorithms.map(keys),
        max_ttl_seconds: body.max_ttl_seconds,
        min_ttl_seconds: body.min_ttl_seconds,
        default_ttl_seconds: body.default_ttl_seconds,
        allowed_ekus: body.allowed_ekus,
        required_san_patterns: body.required_san_patterns,
        permitted_dns: body.permitted_dns,
        forbidden_dns: body.forbidden_dns,
        permitted_ips: body.permitted_ips,
        permitted_email_domains: body.permitted_email_domains,
        spiffe_uri_pattern: body.spiffe_uri_pattern,
        allow_wildcards: body.allow_wildcards,
        allow_short_lived: body.allow_short_lived,
        allow_key_reuse: body.allow_key_reuse,
        must_staple: body.must_staple,
        required_csr_attributes: body.required_csr_attributes,
        acme_auth_mode: body.acme_auth_mode,
        requires_approval: body.requires_approval,
    }
}

pub(super) fn change(body: wire::ProfileUpdate) -> ProfileInput {
    ProfileInput {
        name: body.name,
        description: body.description,
        enabled: body.enabled,
        allowed_key_algorithms: body.allowed_key_algorithms.map(keys),
        max_ttl_seconds: body.max_ttl_seconds,
        min_ttl_seconds: body.min_ttl_seconds,
        default_ttl_seconds: body.default_ttl_seconds,
        allowed_ekus: body.allowed_ekus,
        required_san_patterns: body.required_san_patterns,
        permitted_dns: body.permitted_dns,
        forbidden_dns: body.forbidden_dns,
        permitted_ips: body.permitted_ips,
        permitted_email_domains: body.permitted_email_domains,
        spiffe_uri_pattern: body.spiffe_uri_pattern,
        allow_wildcards: body.allow_wildcards,
        allow_short_lived: body.allow_short_lived,
        allow_key_reuse: body.allow_key_reuse,
        must_staple: body.must_staple,
        required_csr_attributes: body.required_csr_attributes,
        acme_auth_mode: body.acme_auth_mode,
        requires_approval: body.requires_approval,
    }
}

fn keys(rules: Vec<wire::KeyRule>) -> Vec<(String, u32)> {
    rules.into_iter().map(|rule| (rule.algorithm, rule.min_size)).collect()
}
