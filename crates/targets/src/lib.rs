//! Places where a certificate is installed. Start at [`file`], then [`deploy`], the one crash-safe primitive under every
//! target that is a set of files.
//!
//! **Invariant:** whatever fails, and whenever the process dies, a host ends with the old material working or the new.
//! **Invariant:** what may be written and run is said by a file on the host ([`policy`]), never by the server.

pub mod catalogue;
pub mod deploy;
pub mod file;
pub mod policy;
pub mod site;

mod command;
mod trouble;

#[cfg(test)]
#[expect(unreachable_pub, dead_code, reason = "shared with the crash test, which is a crate of its own")]
#[path = "../tests/support/mod.rs"]
mod support;

pub use catalogue::{build, schema, schemas};
pub use deploy::{Recovered, Settled, Step, recover};
pub use policy::{Policy, PolicyError};
pub use site::{Site, SiteError};
