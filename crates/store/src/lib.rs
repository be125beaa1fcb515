//! Repositories on SQLite and PostgreSQL: rows in, domain types out, and writes declared on a [`certctl_db::Unit`].
//!
//! One file a subject. Reads are functions named for their question; pages are keyset. Writes only declare: what must still
//! be true stands beside what becomes true, and the unit of work carries it out. No business rules: it saves what it is told
//! and reports conflicts.

pub mod agents;
pub mod approvals;
pub mod audit;
pub mod cas;
pub mod certificates;
mod convert;
mod entities;
pub mod idempotency;
pub mod identities;
pub mod issuers;
pub mod keys;
pub mod list;
pub mod mappings;
pub mod outbox;
pub mod owners;
pub mod policies;
pub mod profiles;
mod references;
mod remove;
pub mod roles;
pub mod runs;
pub mod sealing;
pub mod targets;
pub mod teams;
pub mod tokens;
pub mod versions;

pub use certctl_db::{Db, DbError, Unit};
pub use references::References;
