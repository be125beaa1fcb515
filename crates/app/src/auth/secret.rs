//! The form of the keys we make: `<prefix>_<8 id>_<43 base64url>_<crc32 hex>`. Scanners find it, a typing error is told from a
//! wrong key, and the eight characters name the key in a log without giving it away.

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use crate::world::App;

/// SHA-256 of a key: all that is ever kept of it. The key holds 256 random bits, so a fast hash is enough.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest([u8; 32]);

/// A fresh secret, to be shown once.
pub struct NewSecret {
    /// The secret.
    pub value: SecretString,
    /// What is stored of it.
    pub digest: KeyDigest,
}

impl KeyDigest {
    /// The digest of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The digest of several parts, none of which can pass for the end of another.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// Lower-case hexadecimal, as stored.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Whether a stored digest is this one, in constant time.
    pub(crate) fn is(self, stored: &str) -> bool {
        self.to_hex().as_bytes().ct_eq(stored.as_bytes()).into()
    }
}

impl NewSecret {
    /// A fresh secret; `prefix` is `cck` for API keys, `ccb` for the bootstrap token.
    #[must_use]
    pub fn generate(app: &App, prefix: &str) -> Self {
        let id = hex::encode(app.random::<4>());
        let text = format!("{prefix}_{id}_{}", URL_SAFE_NO_PAD.encode(app.random::<32>()));
        let value = format!("{text}_{:08x}", crc32fast::hash(text.as_bytes()));
        let digest = KeyDigest::of(&value);
        Self { value: value.into(), digest }
    }
}

/// Whether the text has the form of our API keys but not their checksum: somebody lost or changed a character.
#[must_use]
pub fn is_damaged(key: &str) -> bool {
    let ours = key.starts_with("cck_");
    let intact = key.rsplit_once('_').is_some_and(|(text, sum)| {
        key.len() == LENGTH && u32::from_str_radix(sum, 16).is_ok_and(|sum| sum == crc32fast::hash(text.as_bytes()))
    });
    ours && !intact
}

/// Prefix 3, id 8, secret 43, checksum 8, and three separators.
const LENGTH: usize = 65;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_character_is_noticed() {
        let text = format!("cck_0123abcd_{}", "A".repeat(43));
        let key = format!("{text}_{:08x}", crc32fast::hash(text.as_bytes()));
        assert_eq!(key.len(), LENGTH);
        assert!(!is_damaged(&key));
        for position in 4..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            assert!(is_damaged(std::str::from_utf8(&bytes).unwrap()), "position {position}");
        }
        assert!(is_damaged(&key[..60]));
        assert!(!is_damaged("0123456789abcdef0123456789abcdef"), "old hexadecimal keys have no checksum");
    }
}
