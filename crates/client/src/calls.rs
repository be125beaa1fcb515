//! The calls, one file per resource. Paths are those of the server's route table, prefix `/api/v1`.

mod agent_side;
mod agents;
mod approvals;
mod audit;
mod auth;
mod certificates;
mod issuers;
mod jobs;
mod keys;
mod owners;
mod policies;
mod profiles;
mod status;
mod targets;
mod teams;

/// The path of a resource below the API's root.
pub(crate) fn api<const N: usize>(rest: [&str; N]) -> impl Iterator<Item = &str> {
    ["api", "v1"].into_iter().chain(rest)
}
