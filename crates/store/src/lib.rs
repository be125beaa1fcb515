//! Repositories on SQLite and PostgreSQL: rows in, domain types out, and writes declared on a `certctl_db::Unit`.
