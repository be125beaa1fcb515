//! The list of target types. Adding one: a module with its schema and its plan, and one line here.

use std::sync::Arc;

use certctl_connector::{ConfigSchema, ConnectorError, ErrorClass, Target, schema::nearest};
use serde_json::Value;

use crate::{Site, file};

/// Schemas of all target types.
pub fn schemas() -> &'static [&'static ConfigSchema] {
    &[&file::SCHEMA]
}

/// The schema of a target type.
pub fn schema(kind: &str) -> Option<&'static ConfigSchema> {
    schemas().iter().copied().find(|schema| schema.connector == kind)
}

/// Makes the target with id `target` of type `kind` from its configuration.
///
/// # Errors
/// [`ErrorClass::Config`] naming every refused field, or the nearest known type.
pub fn build(kind: &str, site: &Arc<Site>, target: &str, config: &Value) -> Result<Box<dyn Target>, ConnectorError> {
    match kind {
        file::KIND => Ok(Box::new(file::File::new(site, target, config)?)),
        _ => {
            let known = schemas().iter().map(|schema| schema.connector);
            let hint = nearest(kind, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let message = format!("unsupported target type {kind:?}{hint}");
            Err(ConnectorError::new(ErrorClass::Config, "target", "configure", message))
        }
    }
}
