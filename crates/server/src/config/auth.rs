//! Keys and tokens that the environment gives, and how people identify themselves.

use certctl_app::auth::EnvKey;
use certctl_wire::settings::Reader;
use secrecy::{ExposeSecret, SecretString};

/// Who may do what, as far as it is configuration.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// Seals secrets in the database; absent: generated for an embedded database, refused for a shared one.
    pub encryption_key: Option<SecretString>,
    /// Keys with a name.
    pub named_keys: Vec<EnvKey>,
    /// Keys without: viewers called `legacy-key-0` and so on.
    pub legacy_keys: Vec<SecretString>,
    /// Mints the first administrator.
    pub bootstrap_token: Option<SecretString>,
    /// Static enrolment tokens; empty closes that door.
    pub agent_bootstrap_tokens: Vec<SecretString>,
    /// Whether an empty list above closes the door. The other way does not exist outside demonstrations, nor within.
    pub agent_bootstrap_deny_empty: bool,
    /// Whether a static token re-enrols a known name.
    pub agent_reenroll: bool,
    /// A demonstration was acknowledged: placeholders are accepted.
    pub demo: bool,
    /// When, in seconds since 1970.
    pub demo_since: Option<i64>,
}

impl AuthConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        check_type(reader);
        check_keygen(reader);
        let demo_since = reader.parse("CERTCTL_DEMO_MODE_ACK_TS", |text| {
            text.parse().map_err(|_| "must be the present time in seconds since 1970, as date +%s prints")
        });
        Self {
            encryption_key: reader.secret("CERTCTL_CONFIG_ENCRYPTION_KEY"),
            named_keys: named_keys(reader),
            legacy_keys: reader.secrets("CERTCTL_AUTH_SECRET"),
            bootstrap_token: reader.secret("CERTCTL_BOOTSTRAP_TOKEN"),
            agent_bootstrap_tokens: reader.secrets("CERTCTL_AGENT_BOOTSTRAP_TOKEN"),
            agent_bootstrap_deny_empty: reader.flag("CERTCTL_AGENT_BOOTSTRAP_TOKEN_DENY_EMPTY"),
            agent_reenroll: reader.flag("CERTCTL_AGENT_REENROLL"),
            demo: reader.flag("CERTCTL_DEMO_MODE_ACK"),
            demo_since,
        }
    }
}

/// One constant for the types that this program can do: what it cannot do is refused, never approximated.
fn check_type(reader: &mut Reader) {
    const NAME: &str = "CERTCTL_AUTH_TYPE";
    match reader.text(NAME).unwrap_or_default().as_str() {
        valid if VALID_TYPES.contains(&valid) => {}
        "jwt" => reader.refuse(
            NAME,
            "is not supported and will not be; to use an identity provider put an authenticating gateway in front, or use oidc once it is part of a version",
        ),
        "oidc" | "gateway" | "none" => reader.refuse(NAME, "is not part of this version; use api-key"),
        _ => reader.refuse(NAME, format!("is no authentication type; valid: {VALID_TYPES:?}")),
    }
}

fn check_keygen(reader: &mut Reader) {
    const NAME: &str = "CERTCTL_KEYGEN_MODE";
    match reader.text(NAME).unwrap_or_default().as_str() {
        "agent" => {}
        "server" => reader.refuse(NAME, "is not part of this version; keys are made where they are used, so use agent"),
        _ => reader.refuse(NAME, "must be agent"),
    }
}

fn named_keys(reader: &mut Reader) -> Vec<EnvKey> {
    const NAME: &str = "CERTCTL_API_KEYS_NAMED";
    let mut keys: Vec<EnvKey> = Vec::new();
    for (place, entry) in reader.secrets(NAME).iter().enumerate() {
        let place = place + 1;
        let key = match named_key(entry.expose_secret()) {
            Ok(key) => key,
            Err(why) => {
                reader.problem(format!("{NAME}: entry {place} {why}"));
                continue;
            }
        };
        for other in keys.iter().filter(|other| other.name == key.name) {
            if other.admin != key.admin {
                reader.problem(format!("{NAME}: {} is an administrator in one entry and not in another", key.name));
            } else if other.key.expose_secret() == key.key.expose_secret() {
                reader.problem(format!("{NAME}: {} has the same key twice", key.name));
            }
        }
        keys.push(key);
    }
    keys
}

fn named_key(entry: &str) -> Result<EnvKey, &'static str> {
    const EXPECTED: &str = "must be name:key or name:key:admin";
    let parts: Vec<&str> = entry.split(':').collect();
    let (name, key, admin) = match parts.as_slice() {
        [name, key] => (*name, *key, false),
        [name, key, "admin"] => (*name, *key, true),
        _ => return Err(EXPECTED),
    };
    if key.is_empty() {
        return Err(EXPECTED);
    }
    let charset = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(charset) {
        return Err("has a name outside A-Z a-z 0-9 . _ - or longer than 64 characters");
    }
    Ok(EnvKey { name: name.to_owned(), key: key.to_owned().into(), admin })
}

/// Authentication types of this version.
const VALID_TYPES: &[&str] = &["api-key"];
const NAME_MAX: usize = 64;
