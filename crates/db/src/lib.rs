//! The database as the rest of the house sees it: a connection to SQLite or PostgreSQL, units of work whose commits are
//! grouped, wake-ups, and the migrations runner. Knows no table but its own bookkeeping.
//!
//! Start at [`Db`], then [`Unit`].
//!
//! **Invariant:** everything that is written passes [`Db::commit`] or [`Db::begin`]; the pool behind [`Db::read`] only reads.
//! **Invariant:** a caller is answered after the COMMIT that holds its writes, never before.

mod cell;
mod change;
mod committer;
mod config;
mod connect;
mod counters;
mod dialect;
mod due;
mod error;
mod group;
pub mod migrate;
mod notify;
mod plan;
mod transaction;
mod unit;

pub use change::Change;
pub use config::{DbConfig, DbUrl, UrlError};
pub use connect::{Backend, Db};
pub use counters::counter;
pub use due::{Due, Place, due, in_order};
pub use error::{Class, ConnectCause, DbError, Outcome};

pub use notify::{Notifier, Subscription, Wake};
pub use transaction::Transaction;
pub use unit::{Guard, Unit};

/// The query layer whose types appear in this room's API, so that users of it name one version.
pub use sea_orm;
