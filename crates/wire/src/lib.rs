//! JSON types of the wire, shared by both ends.

pub mod settings;
