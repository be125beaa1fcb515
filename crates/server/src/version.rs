//! Which build this is.

/// The product's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
