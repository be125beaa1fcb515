//! The JSON door: REST under `/api/v1`, probes, and the OpenAPI document.
//!
//! Each file holds the handlers of one resource and declares their routes; [`routes`] puts them together, and everything else
//! (router, table, OpenAPI, tests) is made of that. A handler parses `wire` into the words of a use case, calls it, and shows
//! its answer; it decides nothing.

mod agents;
mod approvals;
mod audit;
mod auth;
mod certificates;
mod enrollment;
mod extract;
mod fleet;
mod issuers;
mod jobs;
mod metrics;
mod openapi;
mod owned;
mod owners;
mod policies;
mod profiles;
mod shared;
mod system;
mod targets;
mod teams;
pub mod view;

use certctl_edge::Routes;

pub use extract::{Paging, Query, Strict, StrictOrEmpty};
pub use openapi::{document, json};
pub use owned::check_server_owned;

/// Every route of this door.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .and(system::routes())
        .and(auth::routes())
        .and(audit::routes())
        .and(metrics::routes())
        .and(openapi::routes())
        .and(teams::routes())
        .and(owners::routes())
        .and(profiles::routes())
        .and(policies::routes())
        .and(issuers::routes())
        .and(targets::routes())
        .and(fleet::routes())
        .and(enrollment::routes())
        .and(jobs::routes())
        .and(approvals::routes())
        .and(certificates::routes())
        .and(agents::routes())
}
