//! JSON types of the wire, shared by both ends.
