//! The key that the operator holds: from its text to a key that wraps others.

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::world::Randomness;

/// Rounds of PBKDF2 for a passphrase.
pub const ROUNDS: u32 = 600_000;

/// What the operator gave.
pub(super) enum Material {
    Key(Zeroizing<[u8; 32]>),
    Passphrase(SecretString),
}

/// Wraps data keys. Knows its id, which tells nothing about it.
pub(super) struct Kek {
    key: LessSafeKey,
    id: String,
}

impl Material {
    /// Reads the operator's text; `None` when it is too short.
    pub(super) fn read(text: &SecretString) -> Option<Self> {
        let trimmed = text.expose_secret().trim();
        if let Some(key) = decoded(trimmed) {
            return Some(Self::Key(key));
        }
        (trimmed.len() >= PASSPHRASE_MIN).then(|| Self::Passphrase(trimmed.into()))
    }

    /// The key for an installation with this salt.
    pub(super) fn derive(&self, salt: &[u8]) -> Kek {
        let secret = match self {
            Self::Key(key) => key.clone(),
            Self::Passphrase(phrase) => stretched(phrase, salt),
        };
        let secret = Salt::new(HKDF_SHA256, salt).extract(secret.as_ref());
        let expand = |purpose: &'static [u8]| {
            let mut out = Zeroizing::new([0; 32]);
            let filled = secret.expand(&[purpose], Thirtytwo).and_then(|okm| okm.fill(out.as_mut()));
            filled.expect("32 bytes are within HKDF's limit");
            out
        };
        let key = UnboundKey::new(&AES_256_GCM, expand(b"certctl v4 wrap").as_ref()).expect("the key has 32 bytes");
        let id = digest(&SHA256, expand(b"certctl v4 kek-id").as_ref());
        Kek { key: LessSafeKey::new(key), id: hex::encode(&id.as_ref()[..8]) }
    }
}

impl Kek {
    /// The first eight bytes of a digest of a key derived beside it, hexadecimal.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Wraps a key for one place.
    pub(super) fn wrap(&self, place: &[u8], plain: &[u8], randomness: &dyn Randomness) -> Vec<u8> {
        let mut nonce = [0; 12];
        randomness.fill(&mut nonce);
        let mut out = plain.to_vec();
        let sealed = self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut out);
        sealed.expect("a key is far from the limits of AES-GCM");
        [&nonce[..], &out].concat()
    }

    /// Unwraps what was wrapped for that place.
    pub(super) fn unwrap(&self, place: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = wrapped.split_first_chunk::<12>()?;
        let mut out = Zeroizing::new(sealed.to_vec());
        let opened = self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut out).ok()?;
        let length = opened.len();
        out.truncate(length);
        Some(out)
    }
}

fn decoded(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
    let bytes = Zeroizing::new(bytes.or_else(|| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok())?);
    let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(Zeroizing::new(key))
}

fn stretched(phrase: &SecretString, salt: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let rounds = NonZeroU32::new(ROUNDS).expect("not zero");
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, phrase.expose_secret().as_bytes(), out.as_mut());
    out
}

struct Thirtytwo;

impl KeyType for Thirtytwo {
    fn len(&self) -> usize {
        32
    }
}

const PASSPHRASE_MIN: usize = 32;
