//! PEM text (RFC 7468): split into blocks, written back.
//!
//! Text around the blocks is skipped, as tools print explanations there; inside a block only base64 and
//! white space are accepted. Every buffer that held decoded bytes is wiped, because a block may be a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::cert::{Certificate, CertificateError};

/// The largest object certctl reads, in bytes of DER.
pub const MAX_OBJECT: usize = 64 * 1024;

const CERTIFICATE: &str = "CERTIFICATE";
const LINE_WIDTH: usize = 64;

/// One block of PEM text.
pub struct Block<'a> {
    /// What stands after `BEGIN`, such as `CERTIFICATE`.
    pub label: &'a str,
    /// The decoded bytes.
    pub der: Zeroizing<Vec<u8>>,
}

/// Why a text is not PEM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// No block at all.
    #[error("no PEM block found; it starts with a line like -----BEGIN {expected}-----")]
    Empty {
        /// The label that was looked for.
        expected: &'static str,
    },
    /// More than one block where one is expected.
    #[error("more than one PEM block found; give exactly one {expected}")]
    Several {
        /// The label that was looked for.
        expected: &'static str,
    },
    /// A block of another kind.
    #[error("PEM block is {found:?}; expected {expected}")]
    Label {
        /// The label in the text.
        found: String,
        /// The label that was looked for.
        expected: &'static str,
    },
    /// A block that has no matching end.
    #[error("PEM block {label:?} has no matching END line")]
    Unterminated {
        /// The label of the block.
        label: String,
    },
    /// Something other than base64 inside a block, or a header such as `Proc-Type`.
    #[error("PEM block {label:?} holds something that is not base64")]
    Base64 {
        /// The label of the block.
        label: String,
    },
    /// A block above the size limit.
    #[error("PEM block {label:?} is larger than {limit} bytes")]
    TooLarge {
        /// The label of the block.
        label: String,
        /// The limit in bytes of DER.
        limit: usize,
    },
}

/// Walks over the blocks of `text`; stops after the first error.
pub fn blocks(text: &str) -> impl Iterator<Item = Result<Block<'_>, PemError>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let found = next_block(rest)?;
        rest = found.as_ref().map_or("", |(_, after)| after);
        Some(found.map(|(block, _)| block))
    })
}

/// Reads the certificates of `text` in their order; blocks of other kinds are an error.
///
/// # Errors
/// There is no certificate, or one of the blocks is not a certificate.
pub fn split_certificates(text: &str) -> Result<Vec<Certificate>, CertificateError> {
    let mut found = Vec::new();
    for block in blocks(text) {
        let block = block?;
        if block.label != CERTIFICATE {
            return Err(PemError::Label { found: block.label.to_owned(), expected: CERTIFICATE }.into());
        }
        found.push(Certificate::parse_der(&block.der)?);
    }
    if found.is_empty() { Err(PemError::Empty { expected: CERTIFICATE }.into()) } else { Ok(found) }
}

/// Writes certificates one after the other, in the given order.
#[must_use]
pub fn to_pem_chain<'a>(chain: impl IntoIterator<Item = &'a Certificate>) -> String {
    chain.into_iter().map(Certificate::to_pem).collect()
}

/// The one block of `text`, which must carry one of `labels`; the first of them names the kind in errors.
pub(crate) fn single<'a>(text: &'a str, labels: &[&'static str]) -> Result<Block<'a>, PemError> {
    let expected = labels[0];
    let mut found = blocks(text);
    let block = found.next().ok_or(PemError::Empty { expected })??;
    if !labels.contains(&block.label) {
        return Err(PemError::Label { found: shorten(block.label), expected });
    }
    match found.next() {
        None => Ok(block),
        Some(_) => Err(PemError::Several { expected }),
    }
}

/// Writes one block with lines of 64 characters, ending in a line feed.
#[must_use]
pub fn encode(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut text = String::with_capacity(body.len() + body.len() / LINE_WIDTH + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

fn next_block(text: &str) -> Option<Result<(Block<'_>, &str), PemError>> {
    const BEGIN: &str = "-----BEGIN ";
    const DASHES: &str = "-----";
    let after_begin = &text[text.find(BEGIN)? + BEGIN.len()..];
    let line_end = after_begin.find('\n').unwrap_or(after_begin.len());
    let label_line = after_begin[..line_end].trim_end();
    let Some(label) = label_line.strip_suffix(DASHES) else {
        return Some(Err(PemError::Unterminated { label: shorten(label_line) }));
    };
    let content = &after_begin[line_end..];
    let end = format!("-----END {label}-----");
    let Some(at) = content.find(&end) else {
        return Some(Err(PemError::Unterminated { label: shorten(label) }));
    };
    Some(decode(label, &content[..at]).map(|der| (Block { label, der }, &content[at + end.len()..])))
}

fn decode(label: &str, body: &str) -> Result<Zeroizing<Vec<u8>>, PemError> {
    let too_large = || PemError::TooLarge { label: shorten(label), limit: MAX_OBJECT };
    if body.len() > 2 * MAX_OBJECT {
        return Err(too_large());
    }
    let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
    digits.extend(body.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')));
    let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(digits.len())]);
    let length =
        STANDARD.decode_slice(digits.as_slice(), &mut der).map_err(|_| PemError::Base64 { label: shorten(label) })?;
    der.truncate(length);
    if der.len() > MAX_OBJECT { Err(too_large()) } else { Ok(der) }
}

/// Labels come from outside; error texts keep the start of them.
fn shorten(label: &str) -> String {
    label.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
