//! The contracts: what an issuer, a signer and a target are, whoever is behind them.
//!
//! Start at [`issuer`], [`signer`] and [`target`]. A connector is made from a typed configuration that its [`schema::ConfigSchema`] describes;
//! it fails with a [`ConnectorError`] whose [`ErrorClass`] is all a scheduler looks at.
//!
//! **Invariant:** no concrete connector is known here. **Invariant:** a message that leaves a connector has gone through
//! [`error::sanitise`].

mod cx;
mod engine;
pub mod error;
pub mod fault;
pub mod issuer;
pub mod schema;
pub mod signer;
pub mod target;

pub use cx::{Check, Cx, ProbeReport};
pub use engine::{Engine, OwnCa};
pub use error::{ConnectorError, ErrorClass, Retry};
pub use issuer::{IssueRequest, Issued, Issuer, IssuerCapabilities, NameKinds, OrderRef, Outcome, SharedIssuer};
pub use schema::{ConfigSchema, FieldError};
pub use signer::{SharedSigner, Signer};
pub use target::{Deployed, Material, Progress, Target};
