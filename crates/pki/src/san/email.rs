//! E-mail addresses with ASCII local parts (RFC 5280 §4.2.1.6, RFC 5321 §4.1.2).

use crate::san::{NameError, dns};

const MAX_ADDRESS: usize = 254;
const MAX_LOCAL: usize = 64;

/// The canonical form: local part as written, domain as a host name.
pub(super) fn parse(text: &str) -> Result<String, NameError> {
    let (local, domain) = text.split_once('@').ok_or(NameError::EmailForm)?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(NameError::EmailForm);
    }
    if local.len() > MAX_LOCAL {
        return Err(NameError::TooLong { what: "e-mail local part", length: local.len(), limit: MAX_LOCAL });
    }
    if !local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_text)) {
        return Err(NameError::EmailLocalPart);
    }
    let domain = dns::parse(domain, dns::Wildcard::Refused("an e-mail address"))?;
    let length = local.len() + 1 + domain.len();
    if length > MAX_ADDRESS {
        return Err(NameError::TooLong { what: "e-mail address", length, limit: MAX_ADDRESS });
    }
    Ok(format!("{local}@{domain}"))
}

/// `atext` of RFC 5322 §3.2.3.
fn is_atom_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}
