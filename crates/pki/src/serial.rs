//! Serial numbers in their one canonical form: the minimal big-endian magnitude of a positive integer.
//!
//! OCSP requests, CRLs, ACME and people write the same serial in different ways; comparing canonical
//! bytes is what makes them meet.

use std::fmt;

/// A positive serial number of at most 20 octets as DER writes it (RFC 5280 §4.1.2.2).
///
/// The text form is lower-case hex with an even number of digits and no padding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

/// Why bytes or text are not a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SerialError {
    /// The value is zero or empty.
    #[error("serial number is zero; a certificate's serial is positive (RFC 5280 §4.1.2.2)")]
    Zero,
    /// More than 20 octets in DER.
    #[error("serial number needs {octets} octets; at most 20 are allowed (RFC 5280 §4.1.2.2)")]
    TooLong {
        /// Octets that DER would need, sign octet included.
        octets: usize,
    },
    /// A character that is neither a hex digit nor a separator.
    #[error("serial number has {found:?} at character {position}; write hex digits, colons are allowed")]
    NotHex {
        /// The first offending character.
        found: char,
        /// Its position, counted in characters from zero.
        position: usize,
    },
}

impl Serial {
    /// The most octets that DER may use for a serial, sign octet included.
    pub const MAX_OCTETS: usize = 20;

    /// Makes a serial from random octets: the top bit is cleared, so that DER needs no sign octet, and the next bit is
    /// set, so that the value is never zero and always has the same length.
    ///
    /// `N` lies between 9 and 20; 16 is what certctl uses. At least 64 random bits remain in each case.
    #[must_use]
    pub fn from_random<const N: usize>(mut random: [u8; N]) -> Self {
        const { assert!(N >= 9 && N <= Self::MAX_OCTETS, "serials are made from 9 to 20 random octets") }
        random[0] = (random[0] & 0x7f) | 0x40;
        Self(random.to_vec())
    }

    /// From the big-endian magnitude, with or without leading zero octets.
    ///
    /// # Errors
    /// The value is zero, or DER would need more than 20 octets for it.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, SerialError> {
        let start = bytes.iter().position(|octet| *octet != 0).ok_or(SerialError::Zero)?;
        let magnitude = &bytes[start..];
        let octets = magnitude.len() + usize::from(magnitude[0] >> 7);
        if octets > Self::MAX_OCTETS { Err(SerialError::TooLong { octets }) } else { Ok(Self(magnitude.to_vec())) }
    }

    /// Reads hex as people write it: either case, padded or not, colons or spaces between digits, an optional `0x`.
    ///
    /// # Errors
    /// The text holds something else, is zero, or is too long.
    pub fn from_hex(text: &str) -> Result<Self, SerialError> {
        let digits = text.trim();
        let skipped = if digits.starts_with("0x") || digits.starts_with("0X") { 2 } else { 0 };
        let mut nibbles = Vec::with_capacity(2 * Self::MAX_OCTETS);
        for (position, found) in digits.chars().enumerate().skip(skipped) {
            match found.to_digit(16) {
                Some(0) if nibbles.is_empty() => {}
                Some(digit) => nibbles.push(u8::try_from(digit).expect("a hex digit is below 16")),
                None if matches!(found, ':' | ' ') => {}
                None => return Err(SerialError::NotHex { found, position }),
            }
            if nibbles.len() > 2 * Self::MAX_OCTETS {
                return Err(SerialError::TooLong { octets: digits.len().div_ceil(2) });
            }
        }
        if nibbles.len() % 2 == 1 {
            nibbles.insert(0, 0);
        }
        let bytes: Vec<u8> = nibbles.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        Self::from_be_bytes(&bytes)
    }

    /// Lower-case hex, an even number of digits, no padding.
    #[must_use]
    pub fn to_hex(&self) -> String {
        crate::hex::lower(&self.0)
    }

    /// The minimal big-endian magnitude; this is what databases store and compare.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl std::str::FromStr for Serial {
    type Err = SerialError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text)
    }
}

#[cfg(test)]
mod tests;
