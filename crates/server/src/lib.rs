//! The control plane: reads its configuration, names every concrete part, starts them in order, stops them in order.
//!
//! Start at [`main_entry`]. **Invariant:** no rule lives here; wiring is a list.

pub mod args;
mod bootstrap;
pub mod config;
pub mod data_dir;
pub mod database;
mod doctor;
mod engines;
mod entry;
mod further;
mod healthcheck;
pub mod listener;
mod logging;
mod serve;
mod tls_init;
mod version;
mod world;

pub use entry::{main_entry, main_entry_with};
pub use further::{Further, IssuerType};
pub use version::VERSION;
