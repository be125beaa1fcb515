//! The control listener: its certificate, read from files or issued by ourselves and swapped while running, and the loop
//! that takes connections.

pub(crate) mod accept;
pub(crate) mod clients;
pub mod own;
pub mod pair;
pub(crate) mod reload;
mod tls;

pub use pair::{Pair, Served};
pub use tls::server_config;
