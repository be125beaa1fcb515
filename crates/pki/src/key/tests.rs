use der::asn1::{BitString, UintRef};
use der::{Any, Encode};
use num_bigint::BigUint;
use proptest::prelude::*;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::*;
use crate::oid;

/// A public key with any modulus and exponent, as only an attacker or a broken generator makes them.
fn rsa_key(modulus: &BigUint, exponent: u64) -> PublicKey {
    let (modulus, exponent) = (modulus.to_bytes_be(), exponent.to_be_bytes());
    let key = pkcs1::RsaPublicKey {
        modulus: UintRef::new(&modulus).expect("modulus"),
        public_exponent: UintRef::new(&exponent).expect("exponent"),
    };
    spki(oid::RSA, Some(Any::null()), &key.to_der().expect("key"))
}

fn spki(oid: const_oid::ObjectIdentifier, parameters: Option<Any>, bits: &[u8]) -> PublicKey {
    let info = SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid, parameters },
        subject_public_key: BitString::from_bytes(bits).expect("bits"),
    };
    PublicKey::from_spki_der(&info.to_der().expect("encode")).expect("parse")
}

/// The modulus of a fresh key, to be tampered with.
fn modulus(kind: KeyKind) -> BigUint {
    let key = PrivateKey::generate(kind).expect("key");
    let bits = key.public_key().key_bits().to_vec();
    let parsed: pkcs1::RsaPublicKey<'_> = der::Decode::from_der(&bits).expect("PKCS#1");
    BigUint::from_bytes_be(parsed.modulus.as_bytes())
}

#[test]
fn each_kind_is_made_written_read_and_signs() {
    for kind in KeyKind::ALL {
        let key = PrivateKey::generate(kind).expect("generate");
        assert_eq!(key.kind(), kind);
        assert_eq!(key.public_key().weakness(), None, "{kind}");
        assert_eq!(key.public_key().kind(), Some(kind));
        assert_eq!(key.public_key().algorithm(), Some(kind.algorithm()));
        assert_eq!(key.public_key().size(), u32::from(kind.size()));
        let again = PrivateKey::from_pem(&key.to_pkcs8_pem()).expect("read");
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(*again.to_pkcs8_der(), *key.to_pkcs8_der());
        let signature = again.sign(b"message").expect("sign");
        let verify = |message: &[u8]| key.public_key().verify(key.signature_algorithm(), message, &signature);
        assert_eq!(verify(b"message"), Ok(()));
        assert_eq!(verify(b"massage"), Err(KeyError::BadSignature));
        let debug = format!("{key:?}");
        assert!(debug.starts_with("PrivateKey(") && debug.len() < 120, "{debug}");
    }
}

#[test]
fn an_algorithm_of_another_family_does_not_verify() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let signature = key.sign(b"message").expect("sign");
    let algorithm = SignatureAlgorithm::Ed25519;
    assert_eq!(key.public_key().verify(algorithm, b"message", &signature), Err(KeyError::WrongAlgorithm { algorithm }));
}

#[test]
fn the_key_identifier_is_the_start_of_the_hash_over_the_key_bits() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key().key_bits());
    assert_eq!(key.public_key().key_identifier()[..], hash.as_ref()[..20]);
    assert_eq!(key.public_key().key_bits().len(), 65);
}

#[test]
fn rsa_sizes_and_exponents_are_judged() {
    let good = modulus(KeyKind::Rsa2048);
    assert_eq!(rsa_key(&good, 65_537).weakness(), None);
    for exponent in [1, 3, 17, 65_535, 65_536, 65_538] {
        assert_eq!(rsa_key(&good, exponent).weakness(), Some(Weakness::RsaExponent), "{exponent}");
    }
    let of_bits = |bits: u64| (BigUint::from(1_u8) << (bits - 1)) + 1_u8;
    assert_eq!(rsa_key(&of_bits(1024), 65_537).weakness(), Some(Weakness::RsaTooSmall { bits: 1024 }));
    assert_eq!(rsa_key(&of_bits(2047), 65_537).weakness(), Some(Weakness::RsaTooSmall { bits: 2047 }));
    assert_eq!(rsa_key(&of_bits(2049), 65_537).weakness(), Some(Weakness::RsaOddSize { bits: 2049 }));
    assert_eq!(rsa_key(&of_bits(4097), 65_537).weakness(), Some(Weakness::RsaTooLarge { bits: 4097 }));
    assert_eq!(rsa_key(&of_bits(8192), 65_537).weakness(), Some(Weakness::RsaTooLarge { bits: 8192 }));
}

#[test]
fn small_factors_are_found() {
    for prime in [2_u32, 3, 5, 743, 751] {
        let good = modulus(KeyKind::Rsa2048);
        let rest = &good % prime;
        let broken = good - rest;
        let Some(Weakness::RsaSmallFactor { factor }) = rsa_key(&broken, 65_537).weakness() else {
            panic!("{prime} not found");
        };
        assert_eq!(&broken % factor, BigUint::ZERO);
        assert!(factor <= prime);
    }
}

#[test]
fn the_roca_structure_is_found() {
    // Any modulus that is a power of 65537 modulo the product of the primes up to 167 has the fingerprint.
    let product: BigUint = (3..=167_u32).filter(|n| (2..*n).all(|d| n % d != 0)).product();
    for power in [1_u32, 77, 123_456] {
        let residue = BigUint::from(65_537_u32).modpow(&BigUint::from(power), &product);
        let top = (BigUint::from(1_u8) << 2047) / &product * &product;
        let mut found = false;
        for step in 1..200_u32 {
            let candidate: BigUint = &top + &product * (2 * step) + &residue;
            let candidate = if candidate.bit(0) { candidate } else { candidate + &product };
            match rsa_key(&candidate, 65_537).weakness() {
                Some(Weakness::Roca) => found = true,
                Some(Weakness::RsaSmallFactor { factor }) => assert!(factor > 167),
                other => panic!("{other:?}"),
            }
        }
        assert!(found);
    }
}

#[test]
fn close_primes_are_found() {
    // (a - d)(a + d) with a small distance d; the factors need not be prime for Fermat's method.
    let middle = modulus(KeyKind::Rsa2048) >> 1024_u32 | (BigUint::from(3_u8) << 1022_u32) | BigUint::from(1_u8);
    for distance in [0_u64, 2, 1 << 20, 1 << 60] {
        let mut middle = middle.clone();
        let key = loop {
            let product = (&middle - distance) * (&middle + distance);
            let key = rsa_key(&product, 65_537);
            match key.weakness() {
                Some(Weakness::RsaSmallFactor { .. }) => middle += 2_u8,
                _ => break key,
            }
        };
        assert_eq!(key.weakness(), Some(Weakness::FermatClose), "{distance}");
    }
}

#[test]
fn other_algorithms_are_read_and_refused() {
    let oid = |text: &str| const_oid::ObjectIdentifier::new_unwrap(text);
    let curve = |curve| Some(Any::encode_from(&curve).expect("oid"));
    let p521 = spki(oid::EC_PUBLIC_KEY, curve(oid::P521), &[4; 133]);
    assert_eq!((p521.kind(), p521.size(), p521.algorithm()), (None, 521, Some(KeyAlgorithm::Ecdsa)));
    assert_eq!(p521.weakness(), Some(Weakness::Curve { curve: "P-521".to_owned() }));
    let koblitz = spki(oid::EC_PUBLIC_KEY, curve(oid("1.3.132.0.10")), &[4; 65]);
    assert_eq!(koblitz.weakness(), Some(Weakness::Curve { curve: "1.3.132.0.10".to_owned() }));
    let nameless = spki(oid::EC_PUBLIC_KEY, None, &[4; 65]);
    assert!(matches!(nameless.weakness(), Some(Weakness::Curve { .. })));
    let compressed = spki(oid::EC_PUBLIC_KEY, curve(oid::P256), &[2; 33]);
    assert_eq!(compressed.weakness(), Some(Weakness::PointForm));
    let dsa = spki(oid("1.2.840.10040.4.1"), None, &[0; 10]);
    assert_eq!((dsa.kind(), dsa.algorithm(), dsa.size()), (None, None, 0));
    assert!(matches!(dsa.weakness(), Some(Weakness::Algorithm { .. })));
}

#[test]
fn what_is_no_public_key_is_refused() {
    let good = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let der = good.public_key().spki_der();
    assert!(PublicKey::from_spki_der(&[]).is_err());
    assert!(PublicKey::from_spki_der(&der[..der.len() - 1]).is_err());
    assert!(PublicKey::from_spki_der(&[der, &[0]].concat()).is_err());
}

#[test]
fn what_is_no_private_key_is_refused() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).expect("key");
    let pem = key.to_pkcs8_pem();
    let error = |text: &str| PrivateKey::from_pem(text).map(|_| ()).expect_err("refused");
    assert!(matches!(error(""), KeyError::Pem { .. }));
    assert!(matches!(error(&pem.repeat(2)), KeyError::Pem { .. }));
    assert!(matches!(error(&pem.replace("PRIVATE", "PUBLIC")), KeyError::Pem { .. }));
    assert_eq!(error(&pem.replace("PRIVATE", "ENCRYPTED PRIVATE")), KeyError::Encrypted);
    let old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID\n-----END EC PRIVATE KEY-----\n";
    assert_eq!(error(old), KeyError::Encrypted);
    let der = key.to_pkcs8_der();
    for length in 0..der.len() {
        assert!(PrivateKey::from_pkcs8_der(&der[..length]).is_err());
    }
}

#[test]
fn a_private_key_with_the_public_half_of_another_is_refused() {
    let [one, other] = [(); 2].map(|()| PrivateKey::generate(KeyKind::EcdsaP256).expect("key"));
    let mut der = one.to_pkcs8_der();
    let point = other.public_key().key_bits();
    let at = der.windows(65).position(|window| window == one.public_key().key_bits()).expect("it holds its point");
    der[at..at + 65].copy_from_slice(point);
    assert!(matches!(PrivateKey::from_pkcs8_der(&der), Err(KeyError::Rejected { .. })));
}

#[test]
fn wire_spellings_are_read_back() {
    for algorithm in KeyAlgorithm::ALL {
        assert_eq!(KeyAlgorithm::parse(algorithm.as_str()), Some(algorithm));
    }
    assert_eq!(KeyAlgorithm::parse("ed25519"), None);
    for kind in KeyKind::ALL {
        assert_eq!(KeyKind::from_parts(kind.algorithm(), u32::from(kind.size())), Some(kind));
    }
    assert_eq!(KeyKind::from_parts(KeyAlgorithm::Rsa, 1024), None);
}

proptest! {
    #[test]
    fn any_bytes_give_a_key_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicKey::from_spki_der(&bytes);
        let _ = PrivateKey::from_pkcs8_der(&bytes);
    }
}
