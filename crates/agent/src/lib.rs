//! The agent: makes keys on its host, asks for certificates, installs them, and reports what a handshake returned.
//!
//! Start at [`run`]. Three tasks run beside each other: heartbeats, the question for work, and the reports; what comes back
//! from the question is done by at most [`WORKERS`] jobs at a time, one per target. All of it fits one thread.
//!
//! **Invariant:** a private key never leaves the host, and one that is in use is never overwritten. **Invariant:** a result,
//! once it is in the journal, is reported until the server takes it, across restarts.

mod clock;
mod config;
mod deployment;
mod doctor;
mod enrol;
mod files;
mod heartbeat;
mod identity;
mod journal;
mod keys;
mod link;
mod outbox;
mod program;
mod renewal;
mod request;
mod run;
mod runtime;
mod step;
mod test;
mod work;

pub use config::{Admission, Config, LogFormat, settings};
pub use program::{main_entry, main_with};
pub use run::run;
pub use runtime::WORKERS;
pub use step::Step;
