//! Names that a certificate is for: the one validator that every door and issuer uses.
//!
//! A name is canonical from the moment it exists: lower-case, A-labels, minimal IP text. What would need a
//! guess to become canonical is refused with the position, the reason and what to write instead.

use std::fmt;
use std::net::IpAddr;

mod dns;
mod email;
mod error;
mod uri;

pub use error::NameError;

pub(crate) use uri::host as uri_host;

/// One subject alternative name (RFC 5280 §4.2.1.6), canonical.
///
/// Its `Display` form is the wire string, which [`San::parse`] reads back to the same value.
/// Names read from foreign certificates keep what stands there, so they may not pass [`San::parse`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum San {
    /// A host name of A-labels in lower case, perhaps with `*` as its whole first label.
    Dns(String),
    /// An IP address; an IPv4 address is never held in its IPv6-mapped form.
    Ip(IpAddr),
    /// An e-mail address with an ASCII local part (RFC 5280 §4.2.1.6).
    Email(String),
    /// An absolute URI without user information.
    Uri(String),
}

impl San {
    /// Reads the wire form and tells the kind by its look: an IP address, `scheme://` or `urn:` for a URI, `@` for an
    /// e-mail address, else a host name.
    ///
    /// # Errors
    /// The text is none of these or breaks one of their rules.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        refuse_invisible(text)?;
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::ip(address));
        }
        if uri::looks_like_one(text) {
            return Self::uri(text);
        }
        if text.contains('@') {
            return Self::email(text);
        }
        if let Some(position) = text.find(':') {
            return Err(NameError::Colon { position });
        }
        Self::dns(text)
    }

    /// A host name; U-labels become A-labels (IDNA 2008, UTS #46 non-transitional), upper case becomes lower case.
    ///
    /// # Errors
    /// The text is not a host name, or one that people could take for another.
    pub fn dns(text: &str) -> Result<Self, NameError> {
        refuse_invisible(text)?;
        dns::parse(text, dns::Wildcard::Allowed).map(Self::Dns)
    }

    /// An IP address; the IPv6-mapped form of an IPv4 address becomes IPv4.
    #[must_use]
    pub fn ip(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }

    /// An e-mail address; its domain is treated as a host name, its local part is kept as it is.
    ///
    /// # Errors
    /// The local part is not an ASCII dot-atom, or the domain is not a host name.
    pub fn email(text: &str) -> Result<Self, NameError> {
        refuse_invisible(text)?;
        email::parse(text).map(Self::Email)
    }

    /// An absolute URI (`scheme://…` or `urn:…`); scheme and host become lower case.
    ///
    /// # Errors
    /// The text is not such a URI, or carries user information.
    pub fn uri(text: &str) -> Result<Self, NameError> {
        refuse_invisible(text)?;
        uri::parse(text).map(Self::Uri)
    }

    /// Sorts and removes duplicates, so that equal sets of names are equal lists.
    #[must_use]
    pub fn normalize(mut names: Vec<Self>) -> Vec<Self> {
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The kind as messages and schemas spell it: `dns`, `ip`, `email`, `uri`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
            Self::Email(_) => "email",
            Self::Uri(_) => "uri",
        }
    }

    /// Whether this is a host name that starts with `*.`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns(name) if name.starts_with("*."))
    }

    /// Whether the value is what its validator would make of it; false is possible only for foreign certificates.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        match self {
            Self::Dns(name) => Self::dns(name).as_ref() == Ok(self),
            Self::Ip(address) => address.to_canonical() == *address,
            Self::Email(address) => Self::email(address).as_ref() == Ok(self),
            Self::Uri(uri) => Self::uri(uri).as_ref() == Ok(self),
        }
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => f.write_str(text),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl std::str::FromStr for San {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Refuses characters that a reader does not see or that reorder what he sees.
pub(crate) fn refuse_invisible(text: &str) -> Result<(), NameError> {
    for (position, found) in text.char_indices() {
        let code = u32::from(found);
        match found {
            '\u{00}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => return Err(NameError::Control { code, position }),
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                return Err(NameError::Bidi { code, position });
            }
            '\u{00ad}'
            | '\u{034f}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2060}'..='\u{2064}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{3164}'
            | '\u{ffa0}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e01ef}' => {
                return Err(NameError::ZeroWidth { code, position });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
