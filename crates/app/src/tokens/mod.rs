//! Enrolment tokens: what admits a new agent.

mod create;
mod list;
mod revoke;

pub use create::{TokenCreated, TokenInput};

pub(crate) use create::TokenAsk;

use crate::edit::Subject;

pub(crate) const TOKEN: Subject = Subject { what: "enrolment token", table: "enrollment_tokens" };
