//! Typed identifiers: an `IssuerId` never lands in an argument that wants a `TargetId`.
//!
//! Generated ids are `<prefix>_<ULID>` and sort by the time they were made. A caller may supply its own where the API says
//! so; both obey one character set, because agents use certificate ids as file names.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// Longest id, in characters.
pub const ID_MAX: usize = 128;

/// A text that cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to {ID_MAX} characters of A-Z a-z 0-9 . _ - and is neither \".\" nor \"..\"")]
pub struct IdError;

/// Checks the character set shared by all ids.
///
/// # Errors
/// [`IdError`] when the text is empty, too long, `.`, `..`, or holds another character.
pub fn check(text: &str) -> Result<(), IdError> {
    let charset = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if text.is_empty() || text.len() > ID_MAX || !charset || text == "." || text == ".." {
        return Err(IdError);
    }
    Ok(())
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What a generated id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id from a time-ordered ULID.
            #[must_use]
            pub fn new(ulid: Ulid) -> Self {
                Self(format!("{}_{ulid}", $prefix).into())
            }

            /// An id that somebody supplied or that was stored.
            ///
            /// # Errors
            /// [`IdError`] outside the character set.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(text.into()))
            }

            /// A fixed id that the product itself names, such as `iss-local`.
            ///
            /// # Panics
            /// If the literal is outside the character set.
            #[must_use]
            pub fn fixed(text: &'static str) -> Self {
                Self::parse(text).expect("a fixed id is well-formed")
            }

            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

typed_ids! {
    /// A team.
    TeamId "team",
    /// An accountable person.
    OwnerId "own",
    /// A certificate profile.
    ProfileId "prof",
    /// A renewal policy.
    PolicyId "rp",
    /// A configured issuer.
    IssuerId "iss",
    /// A certificate authority: key and certificate.
    CaId "ca",
    /// A managed certificate.
    CertificateId "cert",
    /// One X.509 certificate made for a managed one, or for the product itself.
    VersionId "ver",
    /// An agent.
    AgentId "agt",
    /// A way an agent proves who it is.
    CredentialId "cred",
    /// An enrolment token.
    TokenId "tok",
    /// A deployment target.
    TargetId "tgt",
    /// A unit of work.
    JobId "job",
    /// An approval request.
    ApprovalId "apr",
    /// An audit event.
    EventId "evt",
    /// An outbox entry.
    OutboxId "out",
    /// An API key.
    KeyId "key",
    /// A role.
    RoleId "r",
    /// A grant of a role to an actor.
    GrantId "grant",
    /// A data encryption key.
    DataKeyId "dk",
}

/// Where fresh ids come from; an argument, so that a test can repeat them.
pub trait IdSource: Send + Sync {
    /// The next time-ordered identifier.
    fn ulid(&self) -> Ulid;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_carry_their_prefix_and_parse_back() {
        let id = CertificateId::new(Ulid::from_parts(1, 2));
        assert_eq!(id.as_str(), "cert_00000000010000000000000002");
        assert_eq!(CertificateId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn file_name_tricks_are_no_ids() {
        for bad in ["", ".", "..", "a/b", "a b", "é", "a\0", &"x".repeat(129)] {
            assert_eq!(TargetId::parse(bad), Err(IdError), "{bad:?}");
        }
    }
}
