//! URI names: absolute, without user information (RFC 5280 §4.2.1.6, RFC 3986).
//!
//! Two forms are accepted: `scheme://authority…` and `urn:…`. Others, such as `mailto:`, name nothing that
//! certctl issues for, and would make the wire form of names ambiguous.

use std::net::Ipv6Addr;

use crate::san::NameError;

const MAX_URI: usize = 2048;
const WHAT: &str = "a URI";

/// Whether the wire form of a name is meant as a URI.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.contains("://") || is_urn(text)
}

/// The canonical form: scheme and host in lower case, the rest as written.
pub(super) fn parse(text: &str) -> Result<String, NameError> {
    if text.len() > MAX_URI {
        return Err(NameError::TooLong { what: "URI", length: text.len(), limit: MAX_URI });
    }
    check_characters(text)?;
    if is_urn(text) {
        let rest = &text[4..];
        return if rest.contains(':') && !rest.starts_with(':') {
            Ok(format!("urn:{rest}"))
        } else {
            Err(NameError::UriNotAbsolute)
        };
    }
    let (scheme, rest) = text.split_once("://").ok_or(NameError::UriNotAbsolute)?;
    if !is_scheme(scheme) {
        return Err(NameError::UriNotAbsolute);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if let Some(at) = authority.find('@') {
        return Err(NameError::UriUserInfo { position: scheme.len() + 3 + at });
    }
    let authority = authority.to_ascii_lowercase();
    check_authority(&authority)?;
    Ok(format!("{}://{authority}{tail}", scheme.to_ascii_lowercase()))
}

/// The host of a canonical URI, without port; `None` for a URN.
pub(crate) fn host(uri: &str) -> Option<String> {
    let (_, rest) = uri.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next(),
        None => authority.split(':').next(),
    };
    host.filter(|host| !host.is_empty()).map(str::to_ascii_lowercase)
}

fn is_urn(text: &str) -> bool {
    text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:"))
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Reserved, unreserved and percent-encoded characters only (RFC 3986 §2).
fn check_characters(text: &str) -> Result<(), NameError> {
    let bytes = text.as_bytes();
    for (position, found) in text.char_indices() {
        match found {
            '%' => {
                let digits = bytes.get(position + 1..position + 3);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(NameError::UriPercent { position });
                }
            }
            _ if found.is_ascii_alphanumeric() || ":/?#[]@!$&'()*+,;=-._~".contains(found) => {}
            _ => return Err(NameError::Character { found, position, what: WHAT }),
        }
    }
    Ok(())
}

/// A host, perhaps with a port. Trust domains of SPIFFE may hold underscores, so hosts are wider here than in DNS names.
fn check_authority(authority: &str) -> Result<(), NameError> {
    let refuse = || NameError::UriHost { host: authority.chars().take(80).collect() };
    if let Some(literal) = authority.strip_prefix('[') {
        let (address, port) = literal.split_once(']').ok_or_else(refuse)?;
        let fits =
            address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        return if fits { Ok(()) } else { Err(refuse()) };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let labels = host.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    });
    if labels && host.len() <= 253 && port.is_none_or(is_port) { Ok(()) } else { Err(refuse()) }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}
