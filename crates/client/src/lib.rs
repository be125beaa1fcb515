//! Typed calls over the wire: one method per endpoint, named as in the server's rooms.
//!
//! A [`Client`] speaks HTTPS only, TLS 1.3 only, with the hybrid key exchange X25519MLKEM768 preferred. It repeats what may
//! be repeated, caps what it reads, and keeps the [`certctl_wire::Problem`] of a refusal whole. It knows no rule of the
//! product: what an answer means is the caller's business.
//!
//! Start at [`Options`], then [`Client::new`]; the calls lie in `calls/`, one file per resource.

mod calls;
mod client;
mod diagnose;
mod error;
mod options;
mod query;
mod retry;
mod tls;
mod transport;

pub use client::Client;
pub use diagnose::{Handshake, HttpProbe};
pub use error::{Class, Error, TlsTrouble, Unreachable};
pub use options::{Credentials, Identity, Options, Pin, Roots};
pub use query::Query;
pub use retry::RetryPolicy;

#[cfg(test)]
mod tests;
