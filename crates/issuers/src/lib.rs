//! One module per certificate authority. Each has a typed configuration with its schema, and makes the engine that the
//! pipeline signs with.

pub mod local;

use certctl_connector::ConfigSchema;

/// The schemas of all issuers of this build.
#[must_use]
pub fn schemas() -> &'static [ConfigSchema] {
    &[local::SCHEMA]
}
