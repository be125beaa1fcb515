//! Where the server keeps its data.

use super::{Area, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting::secret(
        Area::Database,
        "CERTCTL_DATABASE_URL",
        "`postgres://user:password@host:port/database?sslmode=…`, or `sqlite:PATH`. Empty: `certctl.db` in the data directory. `$(POSTGRES_PASSWORD)` in it is replaced.",
    ),
    Setting::secret(
        Area::Database,
        "POSTGRES_PASSWORD",
        "Takes the place of `$(POSTGRES_PASSWORD)` in the database URLs.",
    ),
    Setting::new(
        Area::Database,
        "CERTCTL_DATABASE_MAX_CONNS",
        "50",
        "Connections that this process may hold, at least 1.",
    ),
    Setting::new(
        Area::Database,
        "CERTCTL_DATABASE_CONNECT_TIMEOUT",
        "60s",
        "How long a database that does not answer yet is waited for at start.",
    ),
    Setting::new(
        Area::Database,
        "CERTCTL_DATABASE_ALLOW_PLAINTEXT",
        "false",
        "Accept `sslmode=disable` to a host that is neither local nor in the cluster.",
    ),
    Setting::secret(
        Area::Database,
        "CERTCTL_DATABASE_MIGRATION_URL",
        "URL for migrations only: a role that owns the schema, past a transaction-pooling proxy (which breaks advisory locks).",
    ),
    Setting::new(
        Area::Database,
        "CERTCTL_DATABASE_MIGRATIONS_PATH",
        "",
        "Directory of migrations to run instead of the embedded ones.",
    ),
    Setting::new(
        Area::Database,
        "CERTCTL_MIGRATIONS_VIA_HOOK",
        "false",
        "Another process (`--migrate-only`) migrates; this one waits until the schema is there, 10 minutes at most.",
    ),
    Setting::new(
        Area::Database,
        "CERTCTL_MIGRATIONS_STRICT",
        "false",
        "Refuse to start when an applied migration has changed since, instead of warning.",
    ),
];
