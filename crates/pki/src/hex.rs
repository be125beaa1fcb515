//! Lower-case hex, the one spelling of fingerprints and serials.

/// Lower-case hex of `bytes`, two digits each.
#[must_use]
pub fn lower(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}
