//! What a database really holds, in words that both databases share, so that the two schemas can be compared and kept as a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sea_orm::{FromQueryResult, Statement};

use crate::{Backend, Db, DbError};

/// Tables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Every table of ours.
    pub tables: BTreeMap<String, Table>,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Columns by name.
    pub columns: BTreeMap<String, Column>,
    /// Column lists of the primary key and of the unique constraints and indexes, in their order; partial ones end in `WHERE`.
    pub unique: BTreeSet<String>,
    /// `column -> table` of each foreign key.
    pub references: BTreeSet<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// `bigint`, `boolean`, `bytes` or `text`, or the database's own word.
    pub kind: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
}

impl fmt::Display for Schema {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, table) in &self.tables {
            writeln!(out, "{name}")?;
            for (column, Column { kind, nullable }) in &table.columns {
                writeln!(out, "  {column} {kind}{}", if *nullable { "" } else { " not null" })?;
            }
            for key in &table.unique {
                writeln!(out, "  unique {key}")?;
            }
            for reference in &table.references {
                writeln!(out, "  {reference}")?;
            }
        }
        Ok(())
    }
}

/// Reads the schema of `db` as it is.
///
/// # Errors
/// Those of the connection.
pub async fn schema(db: &Db) -> Result<Schema, DbError> {
    let (columns, unique, references) = match db.backend() {
        Backend::Sqlite => (SQLITE_COLUMNS, SQLITE_UNIQUE, SQLITE_REFERENCES),
        Backend::Postgres => (POSTGRES_COLUMNS, POSTGRES_UNIQUE, POSTGRES_REFERENCES),
    };
    let mut schema = Schema::default();
    for fact in facts(db, columns).await? {
        let kind = match fact.detail.to_ascii_lowercase().as_str() {
            "blob" | "bytea" => "bytes".to_owned(),
            other => other.to_owned(),
        };
        let table = schema.tables.entry(fact.table_name).or_default();
        table.columns.insert(fact.item, Column { kind, nullable: fact.flag });
    }
    for fact in facts(db, unique).await? {
        let key = if fact.flag { format!("{} WHERE", fact.detail) } else { fact.detail };
        schema.tables.entry(fact.table_name).or_default().unique.insert(key);
    }
    for fact in facts(db, references).await? {
        let reference = format!("{} -> {}", fact.item, fact.detail);
        schema.tables.entry(fact.table_name).or_default().references.insert(reference);
    }
    Ok(schema)
}

#[derive(FromQueryResult)]
struct Fact {
    table_name: String,
    item: String,
    detail: String,
    flag: bool,
}

async fn facts(db: &Db, sql: &str) -> Result<Vec<Fact>, DbError> {
    let statement = Statement::from_string(db.read().get_database_backend(), sql);
    Ok(Fact::find_by_statement(statement).all(db.read()).await?)
}

const SQLITE_COLUMNS: &str = "SELECT m.name AS table_name, c.name AS item, c.type AS detail, (c.\"notnull\" = 0) AS flag \
     FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
const SQLITE_UNIQUE: &str = "SELECT m.name AS table_name, i.name AS item, \
     (SELECT group_concat(coalesce(x.name, '()'), ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) x) AS detail, \
     (i.partial = 1) AS flag \
     FROM sqlite_master m, pragma_index_list(m.name) i \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND i.\"unique\" = 1 \
     UNION ALL SELECT m.name, 'rowid', c.name, false FROM sqlite_master m, pragma_table_info(m.name) c \
     WHERE m.type = 'table' AND c.pk = 1 AND m.name NOT LIKE 'sqlite_%' \
     AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) p WHERE p.origin = 'pk')";
const SQLITE_REFERENCES: &str = "SELECT m.name AS table_name, f.\"from\" AS item, f.\"table\" AS detail, false AS flag \
     FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text AS item, data_type::text AS detail, \
     (is_nullable = 'YES') AS flag FROM information_schema.columns WHERE table_schema = current_schema()";
const POSTGRES_UNIQUE: &str = "SELECT t.relname::text AS table_name, i.relname::text AS item, \
     (SELECT string_agg(pg_get_indexdef(x.indexrelid, k, true), ',' ORDER BY k) FROM generate_series(1, x.indnkeyatts) k) AS detail, \
     (x.indpred IS NOT NULL) AS flag \
     FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
     JOIN pg_namespace n ON n.oid = t.relnamespace WHERE x.indisunique AND n.nspname = current_schema()";
const POSTGRES_REFERENCES: &str = "SELECT c.conrelid::regclass::text AS table_name, a.attname::text AS item, \
     c.confrelid::regclass::text AS detail, false AS flag \
     FROM pg_constraint c CROSS JOIN LATERAL unnest(c.conkey) AS k(attnum) \
     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum \
     JOIN pg_namespace n ON n.oid = c.connamespace WHERE c.contype = 'f' AND n.nspname = current_schema()";
