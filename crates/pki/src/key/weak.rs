//! Keys that must not be certified although their form is right.
//!
//! RSA is where the known accidents happened: short moduli, small exponents, small factors, the ROCA
//! generator of CVE-2017-15361, and primes so close that Fermat's method finds them (CVE-2022-26320).
//! Lists of keys leaked by broken generators (Debian 2008) are not checked: they are data, not a property.

use std::sync::LazyLock;

use der::Decode;
use num_bigint::BigUint;

use crate::key::public::Shape;
use crate::oid;

/// Rounds of Fermat's factorisation that a modulus must survive, as the CA/Browser Forum asks for.
const FERMAT_ROUNDS: u32 = 100;

/// Factors below this are looked for, as the CA/Browser Forum asks for.
const SMALL: u32 = 752;

static PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| (2..SMALL).filter(|candidate| is_prime(*candidate)).collect());
static PRODUCT: LazyLock<BigUint> = LazyLock::new(|| PRIMES.iter().product());

/// Why a public key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Modulus below 2048 bits.
    #[error("RSA modulus has {bits} bits; make a key of 2048, 3072 or 4096 bits")]
    RsaTooSmall {
        /// Bits of the modulus.
        bits: u32,
    },
    /// Modulus above 4096 bits.
    #[error("RSA modulus has {bits} bits; make a key of 2048, 3072 or 4096 bits")]
    RsaTooLarge {
        /// Bits of the modulus.
        bits: u32,
    },
    /// Modulus of a size between the accepted ones.
    #[error("RSA modulus has {bits} bits; make a key of exactly 2048, 3072 or 4096 bits")]
    RsaOddSize {
        /// Bits of the modulus.
        bits: u32,
    },
    /// Public exponent below 65537, even, or longer than 64 bits.
    #[error("RSA public exponent is unusual; make a key with exponent 65537")]
    RsaExponent,
    /// Modulus divisible by a small prime.
    #[error("RSA modulus is divisible by {factor}; the key is broken, make a new one")]
    RsaSmallFactor {
        /// The prime.
        factor: u32,
    },
    /// Modulus with the structure of the ROCA generator (CVE-2017-15361).
    #[error("RSA modulus has the ROCA structure (CVE-2017-15361); make a new key with another device or library")]
    Roca,
    /// Primes too close to each other (CVE-2022-26320).
    #[error("RSA primes are too close to each other (CVE-2022-26320); make a new key with another library")]
    FermatClose,
    /// An elliptic curve other than P-256 and P-384.
    #[error("EC curve {curve} is not supported; make a key on P-256 or P-384")]
    Curve {
        /// Object identifier of the curve, or a word for its absence.
        curve: String,
    },
    /// An EC point that is not in the uncompressed form (RFC 5480 §2.2).
    #[error("EC point is not in uncompressed form; write the key with uncompressed points")]
    PointForm,
    /// An algorithm that certctl does not use.
    #[error("key algorithm {algorithm} is not supported; use ECDSA, RSA or Ed25519")]
    Algorithm {
        /// Object identifier of the algorithm.
        algorithm: String,
    },
}

/// The first weakness of a key of this shape, cheapest checks first.
pub(crate) fn find(shape: Shape, bits: &[u8]) -> Option<Weakness> {
    match shape {
        Shape::P256 => point(bits, 65),
        Shape::P384 => point(bits, 97),
        Shape::Ed25519 => None,
        Shape::OtherCurve(curve) => Some(Weakness::Curve {
            curve: match curve {
                Some(oid::P521) => "P-521".to_owned(),
                Some(curve) => curve.to_string(),
                None => "without a name".to_owned(),
            },
        }),
        Shape::Other(algorithm) => Some(Weakness::Algorithm { algorithm: algorithm.to_string() }),
        Shape::Rsa(size) => match size {
            0..2048 => Some(Weakness::RsaTooSmall { bits: size }),
            4097.. => Some(Weakness::RsaTooLarge { bits: size }),
            2048 | 3072 | 4096 => rsa(bits),
            _ => Some(Weakness::RsaOddSize { bits: size }),
        },
    }
}

fn point(bits: &[u8], octets: usize) -> Option<Weakness> {
    (bits.len() != octets || bits[0] != 4).then_some(Weakness::PointForm)
}

fn rsa(bits: &[u8]) -> Option<Weakness> {
    let Ok(key) = pkcs1::RsaPublicKey::from_der(bits) else { return Some(Weakness::RsaExponent) };
    if !is_sane_exponent(key.public_exponent.as_bytes()) {
        return Some(Weakness::RsaExponent);
    }
    let modulus = BigUint::from_bytes_be(key.modulus.as_bytes());
    // The modulus modulo the product of all small primes has the same remainders, and is shorter.
    let residue = &modulus % &*PRODUCT;
    if let Some(factor) = small_factor(&residue) {
        return Some(Weakness::RsaSmallFactor { factor });
    }
    if has_roca_structure(&residue) {
        return Some(Weakness::Roca);
    }
    has_close_primes(&modulus).then_some(Weakness::FermatClose)
}

/// Odd, at least 65537 and at most 64 bits: everything beyond is no real key.
fn is_sane_exponent(exponent: &[u8]) -> bool {
    if exponent.len() > 8 {
        return false;
    }
    let value = exponent.iter().fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
    value >= 65_537 && value % 2 == 1
}

/// The smallest prime below [`SMALL`] that divides the modulus.
fn small_factor(residue: &BigUint) -> Option<u32> {
    PRIMES.iter().copied().find(|prime| remainder(residue, *prime) == 0)
}

/// ROCA moduli are powers of 65537 modulo each small prime (Nemec et al., 2017, §4.1).
///
/// Primes for which 65537 generates every residue pass always; the others together leave a random
/// modulus a chance of about 2^-27.
fn has_roca_structure(residue: &BigUint) -> bool {
    let mut primes = PRIMES.iter().copied().filter(|prime| (3..=167).contains(prime));
    primes.all(|prime| is_power_of_65537(remainder(residue, prime), prime))
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == residue {
            return true;
        }
        power = power * (65_537 % prime) % prime;
    }
    false
}

/// Whether Fermat's method factors the modulus within [`FERMAT_ROUNDS`].
fn has_close_primes(modulus: &BigUint) -> bool {
    let mut mean = modulus.sqrt();
    if &mean * &mean < *modulus {
        mean += 1_u32;
    }
    // mean² - modulus = distance²; going from one mean to the next adds 2·mean + 1.
    let mut square = &mean * &mean - modulus;
    for _ in 0..FERMAT_ROUNDS {
        if is_square(&square) {
            return true;
        }
        square += &mean * 2_u32 + 1_u32;
        mean += 1_u32;
    }
    false
}

fn is_square(value: &BigUint) -> bool {
    // Squares end in few of the 64 patterns of six low bits; this spares most square roots.
    const RESIDUES: u64 = 0x0202_0212_0203_0213;
    let low = value.iter_u64_digits().next().unwrap_or(0) & 63;
    if RESIDUES >> low & 1 == 0 {
        return false;
    }
    let root = value.sqrt();
    &root * &root == *value
}

fn remainder(value: &BigUint, prime: u32) -> u32 {
    let divisor = u64::from(prime);
    let rest = value.iter_u32_digits().rev().fold(0, |rest, digit| (rest << 32 | u64::from(digit)) % divisor);
    u32::try_from(rest).expect("a remainder is below its divisor")
}

fn is_prime(candidate: u32) -> bool {
    candidate >= 2
        && (2..).take_while(|divisor| divisor * divisor <= candidate).all(|divisor| !candidate.is_multiple_of(divisor))
}
