//! Connects and returns what is really served. Start at [`tls::handshake`].
//!
//! **Invariant:** nothing is judged here. Chain, names and validity of what is presented are the caller's business; only
//! possession of the presented key is checked, because the handshake itself is the proof that a certificate is *served*.
//! **Invariant:** a probe sends no application data and follows nothing.

pub mod tls;

pub use tls::{Presented, ProbeError, handshake};
