//! Where the data is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use certctl_db::DbUrl;
use certctl_wire::settings::Reader;
use secrecy::ExposeSecret;

/// Connection and migrations.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// File or server.
    pub url: DbUrl,
    /// URL for migrations, where they need another role or a direct connection.
    pub migration_url: Option<DbUrl>,
    /// Connections that this process may hold.
    pub connections_max: u32,
    /// Largest SQLite file in pages of 4 KiB; no setting reaches it.
    pub pages_max: Option<u32>,
    /// How long a database that does not answer yet is waited for.
    pub connect_timeout: Duration,
    /// Accept an unencrypted connection to a host elsewhere.
    pub allow_plaintext: bool,
    /// Migrations to run instead of the embedded ones.
    pub migrations_path: Option<PathBuf>,
    /// Another process migrates; this one waits for it.
    pub via_hook: bool,
    /// Refuse changed migrations.
    pub strict: bool,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader, data_dir: &Path) -> Self {
        let embedded = || DbUrl::sqlite(data_dir.join(FILE_NAME));
        Self {
            url: url(reader, "CERTCTL_DATABASE_URL").unwrap_or_else(embedded),
            migration_url: url(reader, "CERTCTL_DATABASE_MIGRATION_URL"),
            connections_max: reader.number("CERTCTL_DATABASE_MAX_CONNS", 1..=10_000),
            pages_max: None,
            connect_timeout: reader.duration("CERTCTL_DATABASE_CONNECT_TIMEOUT", Duration::ZERO),
            allow_plaintext: reader.flag("CERTCTL_DATABASE_ALLOW_PLAINTEXT"),
            migrations_path: reader.path("CERTCTL_DATABASE_MIGRATIONS_PATH"),
            via_hook: reader.flag("CERTCTL_MIGRATIONS_VIA_HOOK"),
            strict: reader.flag("CERTCTL_MIGRATIONS_STRICT"),
        }
    }

    /// Whether it is a file of this process's own.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        match self.url {
            DbUrl::Sqlite(_) => true,
            DbUrl::Postgres(_) => false,
        }
    }
}

fn url(reader: &mut Reader, name: &str) -> Option<DbUrl> {
    let given = reader.secret(name)?;
    let mut text = given.expose_secret().trim().to_owned();
    if text.contains(PASSWORD_TOKEN) {
        match reader.secret("POSTGRES_PASSWORD") {
            Some(password) => text = text.replace(PASSWORD_TOKEN, &percent_encoded(password.expose_secret())),
            None => reader.problem(format!("POSTGRES_PASSWORD: required, because {name} holds {PASSWORD_TOKEN}")),
        }
    }
    match text.parse() {
        Ok(url) => Some(url),
        Err(error) => {
            reader.refuse(name, error);
            None
        }
    }
}

/// A password as it may stand in a URL (RFC 3986 §2.3).
fn percent_encoded(password: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    password
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The embedded database, within the data directory.
const FILE_NAME: &str = "certctl.db";
const PASSWORD_TOKEN: &str = "$(POSTGRES_PASSWORD)";
