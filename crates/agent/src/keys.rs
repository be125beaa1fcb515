//! Private keys of certificates: `<key directory>/<certificate>/<SHA-256 of the public key>.key`, one per request.
//!
//! A key is *pending* from the moment its request exists until a certificate of it was deployed; then the link `current`
//! points to it. The one before stays until the next change, older ones go. No key is ever overwritten.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use certctl_pki::{Csr, CsrError, KeyError, KeyKind, PrivateKey, San};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{files, step::Step};

/// The key directory.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    root: PathBuf,
}

/// What a job asks a request to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) common_name: Option<String>,
    /// Canonical names.
    pub(crate) sans: Vec<String>,
    /// `ECDSA`, `RSA` or `Ed25519`.
    pub(crate) algorithm: String,
    /// Bits.
    pub(crate) size: u32,
}

/// A key of a certificate, known by its public half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) spki_sha256: String,
    /// The job it was made for.
    pub(crate) job: String,
    pub(crate) wanted: Wanted,
    /// PEM; sent again as it is when the answer was lost.
    pub(crate) csr_pem: String,
}

/// The keys of one certificate, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    keys: Vec<Entry>,
    current: Option<String>,
    previous: Option<String>,
}

/// Why there is no key, or no request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("certificate id {id:?} cannot be a directory name: 1 to 128 of A-Z a-z 0-9 . _ -, not starting with a dot")]
    Id { id: String },
    #[error("{path} cannot be used: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is damaged ({detail}); restore it, or move the directory away and renew the certificate")]
    Damaged { path: PathBuf, detail: String },
    #[error(
        "a key of {algorithm} with {size} bits cannot be made; use ECDSA 256 or 384, RSA 2048, 3072 or 4096, or Ed25519"
    )]
    Kind { algorithm: String, size: u32 },
    #[error("the key cannot be made: {0}")]
    Key(#[from] KeyError),
    #[error("the request cannot be made: {0}")]
    Request(#[from] CsrError),
    #[error("the server asks for {name:?}, which is not a name: {detail}")]
    Name { name: String, detail: String },
    #[error("the private key of this certificate is not in {dir}; renew the certificate to make a new one")]
    Missing { dir: PathBuf },
}

impl Keys {
    /// Takes `root`, making it if need be.
    ///
    /// # Errors
    /// It cannot be made, or belongs to somebody else.
    pub(crate) fn open(root: &Path) -> Result<Self, KeysError> {
        files::private_directory(root).map_err(|source| KeysError::File { path: root.to_owned(), source })?;
        Ok(Self { root: root.to_owned() })
    }

    /// The request of `job`: the one made before for it, or a new one with a new key. Both are on disk when it returns.
    pub(crate) fn request(&self, certificate: &str, job: &str, wanted: &Wanted) -> Result<Entry, KeysError> {
        let dir = self.dir(certificate)?;
        files::private_directory(&dir).map_err(|source| KeysError::File { path: dir.clone(), source })?;
        let mut index = load(&dir)?;
        if let Some(known) = index.keys.iter().find(|entry| entry.job == job && entry.wanted == *wanted) {
            return Ok(known.clone());
        }
        let names = wanted.names()?;
        let key = PrivateKey::generate(wanted.kind()?)?;
        let csr = Csr::build(&key, wanted.common_name.as_deref(), &names)?;
        let entry = Entry {
            spki_sha256: key.public_key().spki_sha256_hex(),
            job: job.to_owned(),
            wanted: wanted.clone(),
            csr_pem: csr.to_pem(),
        };
        let path = dir.join(file_name(&entry.spki_sha256));
        files::write(&path, key.to_pkcs8_pem().as_bytes()).map_err(|source| KeysError::File { path, source })?;
        Step::KeyStored.passed();
        index.keys.push(entry.clone());
        store(&dir, &index)?;
        Step::RequestRecorded.passed();
        Ok(entry)
    }

    /// The private key whose public half has this hash, PEM, and what was asked for with it where that is known.
    pub(crate) fn find(
        &self,
        certificate: &str,
        spki_sha256: &str,
    ) -> Result<(SecretString, Option<Entry>), KeysError> {
        let dir = self.dir(certificate)?;
        let path = dir.join(file_name(spki_sha256));
        match files::read(&path) {
            Ok(Some(pem)) => {
                let entry = load(&dir)?.keys.into_iter().find(|entry| entry.spki_sha256 == spki_sha256);
                Ok((SecretString::from(pem), entry))
            }
            Ok(None) => Err(KeysError::Missing { dir }),
            Err(source) => Err(KeysError::File { path, source }),
        }
    }

    /// A certificate of this key is deployed: it is the current one now. Keys older than the one before are removed.
    pub(crate) fn promote(&self, certificate: &str, spki_sha256: &str) -> Result<(), KeysError> {
        let dir = self.dir(certificate)?;
        let mut index = load(&dir)?;
        if index.current.as_deref() != Some(spki_sha256) {
            let at = index.keys.iter().position(|entry| entry.spki_sha256 == spki_sha256).unwrap_or_default();
            index.previous = index.current.replace(spki_sha256.to_owned());
            let previous = index.previous.clone();
            let mut position = 0;
            index.keys.retain(|entry| {
                position += 1;
                position > at || Some(&entry.spki_sha256) == previous.as_ref()
            });
            store(&dir, &index)?;
        }
        point_current(&dir, spki_sha256).map_err(|source| KeysError::File { path: dir.join(CURRENT), source })?;
        sweep(&dir, &index).map_err(|source| KeysError::File { path: dir, source })
    }

    fn dir(&self, certificate: &str) -> Result<PathBuf, KeysError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let fits = (1..=128).contains(&certificate.len()) && !certificate.starts_with('.');
        if fits && certificate.bytes().all(plain) {
            Ok(self.root.join(certificate))
        } else {
            Err(KeysError::Id { id: certificate.to_owned() })
        }
    }
}

impl Wanted {
    /// The names, parsed.
    pub(crate) fn names(&self) -> Result<Vec<San>, KeysError> {
        let parse = |name: &String| {
            San::parse(name).map_err(|error| KeysError::Name { name: name.clone(), detail: error.to_string() })
        };
        self.sans.iter().map(parse).collect()
    }

    fn kind(&self) -> Result<KeyKind, KeysError> {
        let refused = || KeysError::Kind { algorithm: self.algorithm.clone(), size: self.size };
        let algorithm = certctl_pki::KeyAlgorithm::parse(&self.algorithm).ok_or_else(refused)?;
        KeyKind::from_parts(algorithm, self.size).ok_or_else(refused)
    }
}

const INDEX: &str = "keys.json";
const CURRENT: &str = "current";
const ENDING: &str = ".key";

fn file_name(spki_sha256: &str) -> String {
    let hex: String = spki_sha256.chars().filter(char::is_ascii_hexdigit).collect();
    format!("{hex}{ENDING}")
}

fn load(dir: &Path) -> Result<Index, KeysError> {
    let path = dir.join(INDEX);
    match files::read(&path) {
        Ok(None) => Ok(Index::default()),
        Ok(Some(text)) => {
            serde_json::from_str(&text).map_err(|error| KeysError::Damaged { path, detail: error.to_string() })
        }
        Err(source) => Err(KeysError::File { path, source }),
    }
}

fn store(dir: &Path, index: &Index) -> Result<(), KeysError> {
    let path = dir.join(INDEX);
    let text = serde_json::to_vec_pretty(index).expect("an index is plain data");
    files::write(&path, &text).map_err(|source| KeysError::File { path, source })
}

/// Swaps the link as a whole: whoever follows it finds the old key or the new one.
fn point_current(dir: &Path, spki_sha256: &str) -> io::Result<()> {
    let (link, beside) = (dir.join(CURRENT), dir.join("current.tmp"));
    let target = PathBuf::from(file_name(spki_sha256));
    if fs::read_link(&link).is_ok_and(|now| now == target) {
        return Ok(());
    }
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    symlink(&target, &beside)?;
    fs::rename(&beside, &link)?;
    files::sync_directory_of(&link)
}

/// Removes key files that the index does not know: older generations, and keys whose request was never recorded.
fn sweep(dir: &Path, index: &Index) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let known = |spki: &String| file_name(spki) == name;
        let kept = index.keys.iter().any(|entry| known(&entry.spki_sha256))
            || index.current.as_ref().is_some_and(known)
            || index.previous.as_ref().is_some_and(known);
        if name.ends_with(ENDING) && !kept {
            files::shred(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
