//! What a door needs to know of a request body in order to refuse what it does not understand.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};

/// A request body with its field names, so that the door can answer an unknown one with the nearest known one.
pub trait Body: DeserializeOwned {
    /// Names the type reads.
    const FIELDS: &'static [&'static str];
    /// Names that only the server writes: a value equal to the stored one is accepted, any other is 422. On create the
    /// stored value is that of a new resource.
    const SERVER_OWNED: &'static [&'static str];
    /// Names that reference clients send and that are passed over.
    const IGNORED: &'static [&'static str];
}

/// Whether a body of type `B` may hold a field of this name.
#[must_use]
pub fn is_known<B: Body>(name: &str) -> bool {
    [B::FIELDS, B::SERVER_OWNED, B::IGNORED].iter().any(|list| list.contains(&name))
}

/// The name on the wire of a Rust field: raw identifiers lose their mark.
pub(crate) const fn field_name(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    if bytes.len() > 2 && bytes[0] == b'r' && bytes[1] == b'#' { name.split_at(2).1 } else { name }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads `null` as "clear it", where an absent field is "keep it" (RFC 7396).
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    input: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(input).map(Some)
}
