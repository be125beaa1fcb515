//! Agents as operators see them: listed, prepared for, retired.

mod create;
mod read;
mod retire;

pub use certctl_store::agents::Dependencies;
pub use create::{AgentCreated, NewAgent};
pub use retire::{LISTED_MAX, Retire, Retired};

use crate::edit::Subject;

pub(crate) const AGENT: Subject = Subject { what: "agent", table: "agents" };
