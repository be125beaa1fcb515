//! Bytes to meaning and back: keys, requests, certificates, chains, lints.
//!
//! Start at [`cert`] for reading and at [`build`] for making. **Invariants:** no I/O, no clock, no async; a caller
//! passes the time. Parsing is total: any input gives a value or an error, never a panic. Signing is two steps,
//! bytes to sign out and signature in, so that a key may live anywhere. All cryptography is aws-lc's; the ASN.1
//! types come from one family of crates, used for types and encoding only.

pub mod build;
pub mod cert;
pub mod chain;
pub mod csr;
pub mod hex;
pub mod key;
pub mod lint;
pub mod name;
pub mod pem;
pub mod san;
pub mod serial;
pub mod time;

mod asn1;
mod constraints;
#[cfg(test)]
mod fixtures;
mod oid;

pub use build::{IssuerRef, Template, ToBeSigned};
pub use cert::{Certificate, CertificateError, ExtendedKeyUsage};
pub use csr::{Csr, CsrError};
pub use key::{KeyAlgorithm, KeyError, KeyKind, PrivateKey, PublicKey};
pub use san::{NameError, San};
pub use serial::{Serial, SerialError};
pub use time::{Timestamp, TimestampError};
