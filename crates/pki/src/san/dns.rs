//! Host names: LDH labels, and internationalised ones in their A-label form.
//!
//! UTS #46 (strict, non-transitional) does the conversion. On top of it stand the rules of IDNA 2008 that
//! UTS #46 leaves out, and the "highly restrictive" profile of UTS #39 against look-alikes.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_script::Script;
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection, skeleton};

use crate::san::NameError;

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
const WHAT: &str = "a host name";

/// Whether a `*` may be the first label.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wildcard {
    Allowed,
    /// Not here, where "here" is the kind of name in the message.
    Refused(&'static str),
}

/// The canonical form of a host name. The text has been searched for invisible characters before.
pub(super) fn parse(text: &str, wildcard: Wildcard) -> Result<String, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    // A bound before any work: no name of 253 octets is longer than this as U-labels.
    if text.len() > 4 * MAX_NAME {
        return Err(NameError::TooLong { what: "host name", length: text.len(), limit: MAX_NAME });
    }
    let (prefix, host) = match (text.strip_prefix("*."), wildcard) {
        (Some(host), Wildcard::Allowed) => ("*.", host),
        (Some(_), Wildcard::Refused(what)) => return Err(NameError::WildcardHere { what }),
        (None, _) => ("", text),
    };
    let offset = prefix.len();
    let ascii = check_labels(host, offset)?;
    let host = if ascii { host.to_ascii_lowercase() } else { to_a_labels(host)? };
    if host.rsplit('.').next().is_some_and(is_number) {
        return Err(NameError::NumericEnd { name: host });
    }
    let length = offset + host.len();
    if length > MAX_NAME {
        return Err(NameError::TooLong { what: "host name", length, limit: MAX_NAME });
    }
    Ok(if prefix.is_empty() { host } else { format!("{prefix}{host}") })
}

/// Checks the form of each label; true when all are plain ASCII, so that nothing has to be converted.
fn check_labels(host: &str, offset: usize) -> Result<bool, NameError> {
    let mut plain = true;
    let mut start = offset;
    for label in host.split('.') {
        if label.is_empty() {
            return Err(NameError::EmptyLabel { position: start });
        }
        check_characters(label, start)?;
        let is_a_label = label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"));
        let reserved = label.get(2..4) == Some("--") && !is_a_label;
        if label.starts_with('-') || label.ends_with('-') || reserved {
            return Err(NameError::Hyphen { label: label.to_owned() });
        }
        if label.is_ascii() && label.len() > MAX_LABEL {
            return Err(NameError::TooLong { what: "host name label", length: label.len(), limit: MAX_LABEL });
        }
        plain &= label.is_ascii() && !is_a_label;
        start += label.len() + 1;
    }
    Ok(plain)
}

fn check_characters(label: &str, start: usize) -> Result<(), NameError> {
    for (at, found) in label.char_indices() {
        let position = start + at;
        match found {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => {}
            '_' => return Err(NameError::Underscore { position }),
            '*' => return Err(NameError::Wildcard { position }),
            _ if found.is_ascii() || found.is_whitespace() => {
                return Err(NameError::Character { found, position, what: WHAT });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Converts a name with at least one U-label or A-label, judging each such label in its Unicode form.
fn to_a_labels(host: &str) -> Result<String, NameError> {
    let uts46 = Uts46::new();
    let bad = |label: &str| NameError::Idna { label: label.to_owned() };
    let ascii = uts46
        .to_ascii(host.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify)
        .map_err(|_| blame(host))?;
    let (unicode, outcome) = uts46.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    outcome.map_err(|_| blame(host))?;
    let mut labels = unicode.split('.');
    for given in host.split('.') {
        let label = labels.next().ok_or_else(|| bad(given))?;
        if !given.is_ascii() && given.to_lowercase() != label {
            return Err(NameError::NotPlain { label: given.to_owned(), plain: label.to_owned() });
        }
        if !label.is_ascii() {
            judge(label)?;
        }
    }
    match labels.next() {
        None => Ok(ascii.into_owned()),
        Some(_) => Err(bad(host)),
    }
}

/// Finds the label that makes conversion fail; length is told apart from everything else.
fn blame(host: &str) -> NameError {
    let fails = |label: &&str| {
        Uts46::new().to_ascii(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify).is_err()
    };
    match host.split('.').find(fails) {
        Some(label) => NameError::Idna { label: label.to_owned() },
        None => NameError::Idna { label: host.to_owned() },
    }
}

/// Judges one label in Unicode form: IDNA 2008 contexts, scripts, look-alikes.
fn judge(label: &str) -> Result<(), NameError> {
    if !contexts_hold(label) {
        return Err(NameError::Idna { label: label.to_owned() });
    }
    match label.detect_restriction_level() {
        RestrictionLevel::ASCIIOnly | RestrictionLevel::SingleScript | RestrictionLevel::HighlyRestrictive => {}
        RestrictionLevel::Unrestricted => return Err(NameError::Idna { label: label.to_owned() }),
        RestrictionLevel::ModeratelyRestrictive | RestrictionLevel::MinimallyRestrictive => {
            return Err(NameError::MixedScript { label: label.to_owned() });
        }
    }
    if !AugmentedScriptSet::for_str(label).base.contains_script(Script::Latin) {
        let looks_like: String = skeleton(label).collect();
        if looks_like.is_ascii() {
            return Err(NameError::Confusable { label: label.to_owned(), looks_like });
        }
    }
    Ok(())
}

/// The code points that RFC 5892 allows in a context only (appendix A.3 to A.9), or not at all although UTS #46
/// and UTS #39 pass them.
fn contexts_hold(label: &str) -> bool {
    let text: Vec<char> = label.chars().collect();
    let has = |wanted: fn(char) -> bool| text.iter().copied().any(wanted);
    text.iter().enumerate().all(|(at, found)| {
        let before = at.checked_sub(1).map(|index| text[index]);
        let after = text.get(at + 1).copied();
        match found {
            '\u{00b7}' => before == Some('l') && after == Some('l'),
            '\u{0375}' => after.is_some_and(|next| script_of(next) == Script::Greek),
            '\u{05f3}' | '\u{05f4}' => before.is_some_and(|last| script_of(last) == Script::Hebrew),
            '\u{30fb}' => has(|other| matches!(script_of(other), Script::Hiragana | Script::Katakana | Script::Han)),
            '\u{0660}'..='\u{0669}' => !has(|other| matches!(other, '\u{06f0}'..='\u{06f9}')),
            '\u{2010}' | '\u{2019}' | '\u{2027}' | '\u{058a}' | '\u{30a0}' => false,
            _ => true,
        }
    })
}

fn script_of(found: char) -> Script {
    Script::from(found)
}

/// A last label that programs read as part of an IPv4 address (WHATWG URL §3.5): decimal or hexadecimal.
fn is_number(label: &str) -> bool {
    let hexadecimal =
        label.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || label.bytes().all(|byte| byte.is_ascii_digit())
}
