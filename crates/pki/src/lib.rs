//! Bytes to meaning and back: keys, requests, certificates, chains, lints.
