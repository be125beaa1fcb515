//! The control plane: reads its configuration, names every concrete part, starts them in order, stops them in order.
//!
//! Start at [`main_entry`]. **Invariant:** no rule lives here; wiring is a list.

pub mod args;
mod bootstrap;
pub mod config;
pub mod data_dir;
pub mod database;
mod engines;
pub mod listener;
pub mod logging;
mod version;

pub use version::VERSION;
