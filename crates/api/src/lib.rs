//! The JSON door: REST under `/api/v1`, probes, and the OpenAPI document.
//!
//! Each file holds the handlers of one resource and declares their routes; [`routes`] puts them together, and everything else
//! (router, table, OpenAPI, tests) is made of that. A handler parses `wire` into the words of a use case, calls it, and shows
//! its answer; it decides nothing.

mod auth;
mod extract;
mod openapi;
mod owned;
mod system;
pub mod view;

use certctl_edge::Routes;

pub use extract::{Paging, Query, Strict, StrictOrEmpty};
pub use openapi::{document, json};
pub use owned::check_server_owned;

/// Every route of this door.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().and(system::routes()).and(auth::routes()).and(openapi::routes())
}
