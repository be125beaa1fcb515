//! Why a name is refused, in words that tell what to write instead.

/// Why a text is not a name for a certificate. Positions are byte offsets from zero in the text given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("name is empty; write a host name, IP address, e-mail address or URI")]
    Empty,
    /// A control character.
    #[error("control character U+{code:04X} at byte {position}; remove it")]
    Control {
        /// Unicode code point.
        code: u32,
        /// Byte offset.
        position: usize,
    },
    /// A character that changes the direction of text.
    #[error("bidirectional control character U+{code:04X} at byte {position}; remove it")]
    Bidi {
        /// Unicode code point.
        code: u32,
        /// Byte offset.
        position: usize,
    },
    /// A character that is not visible.
    #[error("invisible character U+{code:04X} at byte {position}; remove it")]
    ZeroWidth {
        /// Unicode code point.
        code: u32,
        /// Byte offset.
        position: usize,
    },
    /// A character that such a name cannot hold.
    #[error("character {found:?} at byte {position} is not allowed in {what}; remove it")]
    Character {
        /// The character.
        found: char,
        /// Byte offset.
        position: usize,
        /// The kind of name, such as "a host name".
        what: &'static str,
    },
    /// An underscore, which host names do not have.
    #[error(
        "underscore at byte {position}: host names have letters, digits and hyphens only; rename the host or add an alias"
    )]
    Underscore {
        /// Byte offset.
        position: usize,
    },
    /// A colon in what is otherwise a host name.
    #[error("colon at byte {position}: write the name without a port, or a URI with its scheme and //")]
    Colon {
        /// Byte offset.
        position: usize,
    },
    /// Two dots in a row, a dot at the start or at the end.
    #[error("empty label at byte {position}: write the host name without leading, trailing or double dots")]
    EmptyLabel {
        /// Byte offset.
        position: usize,
    },
    /// A name above its length limit.
    #[error("{what} has {length} characters; at most {limit} are allowed")]
    TooLong {
        /// The part that is too long.
        what: &'static str,
        /// Its length, in the encoded form.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A hyphen at the start or end of a label, or at its third and fourth place.
    #[error("label {label:?} has a hyphen where none may be: at its start, its end, or third and fourth place")]
    Hyphen {
        /// The label.
        label: String,
    },
    /// An asterisk that is not the whole first label.
    #[error("asterisk at byte {position}: a wildcard is the whole first label, as in *.example.com")]
    Wildcard {
        /// Byte offset.
        position: usize,
    },
    /// A wildcard where only a host can stand.
    #[error("a wildcard is not allowed in {what}")]
    WildcardHere {
        /// The kind of name.
        what: &'static str,
    },
    /// A host name whose last label is a number, so that programs take it for an IPv4 address.
    #[error("{name:?} ends in a number like an IP address but is none; write the address in full or the host's name")]
    NumericEnd {
        /// The name.
        name: String,
    },
    /// A label that is not valid under IDNA 2008.
    #[error("label {label:?} is not a valid internationalised label (IDNA 2008)")]
    Idna {
        /// The label.
        label: String,
    },
    /// A label that IDNA would silently change.
    #[error("label {label:?} is not in its plain form; write {plain:?}")]
    NotPlain {
        /// The label.
        label: String,
        /// Its plain form.
        plain: String,
    },
    /// A label that mixes scripts.
    #[error("label {label:?} mixes scripts, so that it can pass for another name; use letters of one script")]
    MixedScript {
        /// The label.
        label: String,
    },
    /// A label whose letters all look like Latin ones.
    #[error("label {label:?} looks like {looks_like:?} but is another name; it is refused to protect readers")]
    Confusable {
        /// The label.
        label: String,
        /// What it looks like.
        looks_like: String,
    },
    /// The part before the `@`.
    #[error("e-mail local part is not plain ASCII words joined by dots; write an address like ops@example.com")]
    EmailLocalPart,
    /// Not exactly one `@`.
    #[error("e-mail address needs exactly one @ with something on both sides")]
    EmailForm,
    /// Not `scheme://…` or `urn:…`.
    #[error("URI is not absolute; write scheme://host/path or urn:…")]
    UriNotAbsolute,
    /// User information in the authority.
    #[error("URI carries user information at byte {position}; remove everything up to the @")]
    UriUserInfo {
        /// Byte offset of the `@`.
        position: usize,
    },
    /// No host after `//`, or one that is none.
    #[error("URI host {host:?} is not a host name or IP address")]
    UriHost {
        /// The host as written.
        host: String,
    },
    /// A percent sign without two hex digits.
    #[error("percent sign at byte {position} is not followed by two hex digits; write %25 for the sign itself")]
    UriPercent {
        /// Byte offset.
        position: usize,
    },
}
