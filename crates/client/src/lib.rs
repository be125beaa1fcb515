//! Typed calls over the wire.
