//! Entities and repositories on SQLite and PostgreSQL.
