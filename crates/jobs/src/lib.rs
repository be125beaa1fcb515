//! The durable queue. A job is a row; work on it is a lease with an epoch that only grows, and every change of a leased job names the
//! epoch it was claimed with, so a worker that lost its lease changes nothing. Knows no job by name and no table but its own.
//!
//! Start at [`State`], then [`enqueue`], [`claim`], and the ends of a lease in [`lease`].
//!
//! **Invariant:** a job's state changes only as [`State::may_become`] allows, by SQL that names the states it leaves.
//! **Invariant:** a job that is claimed again after a lost lease has a higher epoch than whoever still works on it.

pub mod backoff;
mod claim;
mod enqueue;
mod entity;
mod error;
mod job;
pub mod lease;
mod list;
mod recover;
pub mod schedule;
mod state;

pub use claim::{Claim, claim, claim_for_agent};
pub use enqueue::{NewJob, enqueue, enqueue_claimed, open_with_key, unless_open};
pub use error::JobError;
pub use job::{Attempt, Executor, Fence, Job, Lease};
pub use list::{Cursor, Filter, attempts, count, job, jobs, last_of_certificate, open_of_certificates};
pub use recover::{Recovery, held_by_agent, leases_expired, recover, stale};
pub use state::State;
