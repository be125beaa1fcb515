//! The control listener's certificate: read from files, or issued by ourselves, and swapped while running.

pub mod own;
pub mod pair;
pub mod reload;
mod tls;

pub use pair::{Pair, Served};
pub use tls::server_config;
