//! Rows as the database has them. They do not leave this room: repositories give domain types.

#![expect(unreachable_pub, reason = "the derive macro writes pub items")]

pub(crate) mod actor_roles;
pub(crate) mod agent_credentials;
pub(crate) mod agents;
pub(crate) mod api_key_backfill;
pub(crate) mod api_keys;
pub(crate) mod approvals;
pub(crate) mod audit_events;
pub(crate) mod cas;
pub(crate) mod certificate_identities;
pub(crate) mod certificate_versions;
pub(crate) mod certificates;
pub(crate) mod data_keys;
pub(crate) mod deployment_runs;
pub(crate) mod enrollment_tokens;
pub(crate) mod enrollment_uses;
pub(crate) mod idempotency_keys;
pub(crate) mod install;
pub(crate) mod issuers;
pub(crate) mod outbox;
pub(crate) mod owners;
pub(crate) mod permissions;
pub(crate) mod profile_revisions;
pub(crate) mod profiles;
pub(crate) mod renewal_policies;
pub(crate) mod role_permissions;
pub(crate) mod roles;
pub(crate) mod target_mappings;
pub(crate) mod targets;
pub(crate) mod teams;
