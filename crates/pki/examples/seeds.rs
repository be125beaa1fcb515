//! Writes valid inputs for the fuzz targets: `cargo run -p certctl-pki --example seeds -- fuzz/seeds`.
//!
//! Keys are fresh on every run; names, kinds and sizes are the same.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use certctl_pki::build::{Kind, Validity};
use certctl_pki::name::Subject;
use certctl_pki::pem::to_pem_chain;
use certctl_pki::{
    Certificate, Csr, ExtendedKeyUsage, IssuerRef, KeyKind, PrivateKey, San, Serial, Template, Timestamp,
};
use der::{Decode, Encode};
use pkcs8::LineEnding;
use pkcs8::PrivateKeyInfo;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(86_400);

/// Sets of names, from none to a hundred, of every kind.
fn name_sets() -> Vec<Vec<String>> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    vec![
        owned(&["a.example"]),
        owned(&["*.a.example", "a.example"]),
        owned(&["192.0.2.1"]),
        owned(&["2001:db8::1", "::1"]),
        owned(&["ops@a.example"]),
        owned(&["spiffe://a.example/ns/web"]),
        owned(&["urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"]),
        owned(&["bücher.example", "москва.рф", "例え.テスト"]),
        owned(&["localhost", "127.0.0.1", "certctl://agent/agt_01J8", "x@a.example"]),
        (0..100).map(|number| format!("host-{number}.a.example")).collect(),
    ]
}

fn main() -> Outcome {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("give the directory to write to")?);
    requests(&directory)?;
    certificates(&directory)?;
    private_keys(&directory)?;
    names(&directory)?;
    serials(&directory)
}

fn write(directory: &Path, target: &str, name: &str, bytes: &[u8]) -> Outcome {
    let directory = directory.join(target);
    std::fs::create_dir_all(&directory)?;
    Ok(std::fs::write(directory.join(name), bytes)?)
}

fn parse(names: &[String]) -> Outcome<Vec<San>> {
    Ok(names.iter().map(|name| San::parse(name)).collect::<Result<_, _>>()?)
}

fn requests(directory: &Path) -> Outcome {
    for (index, names) in name_sets().iter().enumerate() {
        for (kind, common_name) in [(KeyKind::EcdsaP256, Some("a.example")), (KeyKind::Ed25519, None)] {
            let csr = Csr::build(&PrivateKey::generate(kind)?, common_name, &parse(names)?)?;
            write(directory, "csr", &format!("{kind:?}-{index}"), csr.der())?;
        }
    }
    for kind in KeyKind::ALL {
        let csr = Csr::build(&PrivateKey::generate(kind)?, Some("a.example"), &[])?;
        write(directory, "csr", &format!("{kind:?}-bare"), csr.der())?;
    }
    Ok(())
}

fn template(key: &PrivateKey, kind: Kind, number: u8, names: Vec<San>) -> Outcome<Template> {
    let is_ca = matches!(kind, Kind::Ca { .. });
    Ok(Template {
        kind,
        serial: Serial::from_random([number; 16]),
        subject: if is_ca { Subject::common_name("CA")?.with_organization("Example")? } else { Subject::empty() },
        sans: names,
        public_key: key.public_key().clone(),
        validity: Validity::lasting(NOW, if is_ca { 3650 * DAY } else { 90 * DAY })?,
        extended_key_usages: if is_ca { vec![] } else { vec![ExtendedKeyUsage::ALL[usize::from(number % 6)]] },
        must_staple: number % 4 == 1,
    })
}

fn certificates(directory: &Path) -> Outcome {
    let mut number = 0;
    let sets = name_sets();
    for (turn, kind) in KeyKind::ALL.into_iter().enumerate() {
        let key = PrivateKey::generate(kind)?;
        let tbs = template(&key, Kind::Ca { path_len: Some(1) }, 200, vec![])?.self_signed()?;
        let signature = key.sign(tbs.der())?;
        let root = tbs.finish(&signature)?;
        write(directory, "certificate", &format!("{kind:?}-root"), root.der())?;
        let issuer = IssuerRef::new(root.clone())?;
        for (index, names) in sets.iter().enumerate().skip(turn % 3).step_by(3) {
            number += 1;
            let leaf_key = PrivateKey::generate(if number % 2 == 0 { KeyKind::EcdsaP384 } else { KeyKind::EcdsaP256 })?;
            let leaf = issue(&key, &issuer, &template(&leaf_key, Kind::Leaf, number, parse(names)?)?)?;
            let name = format!("{kind:?}-leaf-{index}");
            write(directory, "certificate", &name, leaf.der())?;
            write(directory, "pem", &name, to_pem_chain([&leaf, &root]).as_bytes())?;
            let windows = format!("a comment\n{}", leaf.to_pem()).replace('\n', "\r\n");
            write(directory, "pem", &format!("{name}-single"), windows.as_bytes())?;
        }
    }
    Ok(())
}

fn issue(key: &PrivateKey, issuer: &IssuerRef, template: &Template) -> Outcome<Certificate> {
    let tbs = template.issued_by(issuer)?;
    let signature = key.sign(tbs.der())?;
    Ok(tbs.finish(&signature)?)
}

fn private_keys(directory: &Path) -> Outcome {
    for kind in KeyKind::ALL {
        for number in 0..if kind.size() > 2048 { 1 } else { 4 } {
            let key = PrivateKey::generate(kind)?;
            write(directory, "private_key", &format!("{kind:?}-{number}-pkcs8"), key.to_pkcs8_pem().as_bytes())?;
            if let Some(text) = traditional(&key)? {
                write(directory, "private_key", &format!("{kind:?}-{number}-traditional"), text.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// The same key as SEC 1 or PKCS#1, where there is such a form.
fn traditional(key: &PrivateKey) -> Outcome<Option<String>> {
    let der = key.to_pkcs8_der();
    let info = PrivateKeyInfo::from_der(&der).map_err(|error| error.to_string())?;
    let (label, bytes) = match key.kind() {
        KeyKind::EcdsaP256 | KeyKind::EcdsaP384 => {
            let curve = info.algorithm.parameters_oid().map_err(|error| error.to_string())?;
            let mut inner = sec1::EcPrivateKey::from_der(info.private_key)?;
            inner.parameters = Some(sec1::EcParameters::NamedCurve(curve));
            ("EC PRIVATE KEY", inner.to_der()?)
        }
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => ("RSA PRIVATE KEY", info.private_key.to_vec()),
        KeyKind::Ed25519 => return Ok(None),
    };
    let document = der::Document::try_from(bytes)?;
    Ok(Some(document.to_pem(label, LineEnding::LF)?))
}

fn names(directory: &Path) -> Outcome {
    let mut all: Vec<String> = name_sets().concat();
    all.truncate(40);
    all.extend(
        ["EXAMPLE.com", "a-1.b2.example", "col·legi.example", "straße.example", "::ffff:192.0.2.1"].map(str::to_owned),
    );
    for (index, name) in all.iter().enumerate() {
        write(directory, "san", &format!("{index:02}"), name.as_bytes())?;
    }
    Ok(())
}

fn serials(directory: &Path) -> Outcome {
    for (index, octets) in (1..=20_u8).enumerate() {
        let bytes: Vec<u8> = (1..=octets).map(|octet| octet.wrapping_mul(37) & 0x7f | 1).collect();
        let hex = Serial::from_be_bytes(&bytes)?.to_hex();
        let text = match index % 4 {
            0 => hex,
            1 => hex.to_uppercase(),
            2 => hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":"),
            _ => format!("0x00{hex}"),
        };
        write(directory, "serial", &format!("{octets:02}"), text.as_bytes())?;
    }
    Ok(())
}
