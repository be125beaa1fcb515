//! What a program may add to the server that ships. `certctl-server` adds nothing; a test's program adds an issuer that answers
//! later, or a database that is soon full, and is otherwise the very same server.

use certctl_connector::{ConfigSchema, ConnectorError, SharedIssuer};
use serde_json::Value;

use crate::config::Config;

/// Additions to the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Further {
    /// Types of issuers besides those of `certctl-issuers`.
    pub issuers: &'static [IssuerType],
    /// Changes the configuration after it was read and judged.
    pub configure: Option<fn(&mut Config)>,
}

/// A type of issuer outside.
#[derive(Debug, Clone, Copy)]
pub struct IssuerType {
    /// Its name and its configuration.
    pub schema: ConfigSchema,
    /// Makes the issuer from a configuration that the schema has accepted.
    pub connect: fn(&Value) -> Result<SharedIssuer, ConnectorError>,
}
