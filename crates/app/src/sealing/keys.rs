//! The data keys, opened, and the form of what they seal.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use certctl_pki::Timestamp;
use certctl_store::sealing::DataKey;
use zeroize::Zeroizing;

/// All data keys, newest first.
pub(super) struct Keys {
    keys: Vec<Opened>,
    /// Place of the one that seals.
    sealing: usize,
}

struct Opened {
    id: String,
    key: LessSafeKey,
    created_at: Timestamp,
}

impl Keys {
    /// `None` without a usable key. The newest key made before `settled` seals, or the oldest where all are newer.
    pub(super) fn new(rows: Vec<(DataKey, Zeroizing<Vec<u8>>)>, settled: Timestamp) -> Option<Self> {
        let retired: Vec<bool> = rows.iter().map(|(row, _)| row.retired_at.is_some()).collect();
        let keys = rows.into_iter().map(|(row, key)| {
            let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?);
            Some(Opened { id: row.id.to_string(), key, created_at: row.created_at })
        });
        let keys: Vec<Opened> = keys.collect::<Option<_>>()?;
        let live = || (0..keys.len()).filter(|index| !retired[*index]);
        let sealing = live().find(|index| keys[*index].created_at <= settled).or_else(|| live().next_back())?;
        Some(Self { keys, sealing })
    }

    /// When the newest was made.
    pub(super) fn newest_at(&self) -> Timestamp {
        self.keys[0].created_at
    }

    pub(super) fn seal(&self, place: &[u8], nonce: [u8; 12], plain: &[u8]) -> Option<Vec<u8>> {
        let by = &self.keys[self.sealing];
        let mut sealed = plain.to_vec();
        by.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed).ok()?;
        let mut out = Vec::with_capacity(2 + by.id.len() + nonce.len() + sealed.len());
        out.push(VERSION);
        out.push(u8::try_from(by.id.len()).ok()?);
        out.extend_from_slice(by.id.as_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Some(out)
    }

    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (head, rest) = sealed.split_first_chunk::<2>()?;
        if head[0] != VERSION {
            return None;
        }
        let (id, rest) = rest.split_at_checked(usize::from(head[1]))?;
        let (nonce, sealed) = rest.split_first_chunk::<12>()?;
        let by = self.keys.iter().find(|key| key.id.as_bytes() == id)?;
        let mut out = Zeroizing::new(sealed.to_vec());
        let length = by.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut out).ok()?.len();
        out.truncate(length);
        Some(out)
    }
}

/// Associated data of a place; lengths in front, so that no two places have the same bytes.
pub(super) fn place(table: &str, column: &str, row: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for part in [table, column, row, TENANT] {
        out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    out
}

const VERSION: u8 = 4;
const TENANT: &str = "t-default";
