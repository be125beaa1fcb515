//! Agents, the tokens that admit them, and the credentials that prove who they are.

use std::time::Duration;

use certctl_pki::Timestamp;

use crate::ids::{AgentId, CredentialId, TokenId, VersionId};

/// A program on a host that holds keys and installs certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Unique name, at most [`AGENT_NAME_MAX`] characters.
    pub name: String,
    /// Host name it reported.
    pub hostname: String,
    /// Operating system it reported.
    pub os: String,
    /// Architecture it reported.
    pub architecture: String,
    /// Address it was last seen from.
    pub ip_address: String,
    /// Version it reported.
    pub version: String,
    /// Whether it ever registered; an agent created by a person is not enrolled until its token is used.
    pub enrolled: bool,
    /// When it was last heard of.
    pub last_heartbeat_at: Option<Timestamp>,
    /// When it was created.
    pub registered_at: Timestamp,
    /// Set when it was retired.
    pub retired_at: Option<Timestamp>,
    /// Why.
    pub retired_reason: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts its changes.
    pub revision: i64,
}

/// Longest agent name, in characters.
pub const AGENT_NAME_MAX: usize = 128;
/// An agent not heard of for this long is offline.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(300);

impl Agent {
    /// Whether it was heard of lately and is not retired.
    #[must_use]
    pub fn is_online(&self, now: Timestamp) -> bool {
        self.retired_at.is_none() && self.last_heartbeat_at.is_some_and(|seen| now.duration_since(seen) < OFFLINE_AFTER)
    }

    /// `Online` or `Offline`, from when it was last heard of.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &'static str {
        if self.is_online(now) { "Online" } else { "Offline" }
    }
}

/// What a credential is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialKind {
    /// A client certificate, known by its SHA-256 fingerprint (lower-case hex).
    Certificate {
        /// The version that was issued.
        version_id: VersionId,
        /// Its fingerprint.
        fingerprint_sha256: String,
    },
    /// A bearer key, known by its SHA-256 (lower-case hex).
    ApiKey {
        /// The hash.
        key_hash: String,
    },
}

/// A way an agent proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub agent_id: AgentId,
    /// What it is made of.
    pub kind: CredentialKind,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// A token that admits agents. Only its SHA-256 is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentToken {
    /// Its id.
    pub id: TokenId,
    /// SHA-256 of the token, lower-case hex.
    pub token_hash: String,
    /// Names it admits: `*` stands for any run of characters; absent admits every name.
    pub name_pattern: Option<String>,
    /// The agent it re-enrols, if it is bound to one.
    pub agent_id: Option<AgentId>,
    /// How often it may be used.
    pub max_uses: u32,
    /// How often it was used.
    pub uses: u32,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

impl EnrollmentToken {
    /// Whether the token is neither over nor withdrawn at `now`; says nothing about uses left.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Whether the token admits an agent of this name.
    #[must_use]
    pub fn admits(&self, name: &str) -> bool {
        self.name_pattern.as_deref().is_none_or(|pattern| glob(pattern, name))
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_admit_what_they_describe() {
        for (pattern, name, admits) in [
            ("web-*", "web-1", true),
            ("web-*", "db-1", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, name), admits, "{pattern} {name}");
        }
    }
}
