//! Looking into the database of a server under test, from beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use certctl_db::Backend;
use certctl_db::sea_orm::{ConnectionTrait, Database as Connect, DatabaseConnection, DbBackend, Statement};
use certctl_domain::audit::Action;

/// A connection of the test's own.
pub(crate) struct Database {
    connection: DatabaseConnection,
    backend: Backend,
    /// Of SQLite.
    file: Option<PathBuf>,
}

/// All rows of all tables, as text.
pub(crate) type Dump = BTreeMap<String, Vec<String>>;

/// What changes without anybody asking for it: leases of the loops, and when something was last used.
const RESTLESS: &[(&str, &[&str])] = &[
    ("scheduler_leases", &[]),
    ("schema_migrations", &[]),
    ("api_keys", &["last_used_at"]),
    ("agent_credentials", &["last_used_at"]),
    ("agents", &["last_heartbeat_at", "ip_address", "updated_at"]),
];

/// What an audit event may say of a request that changed nothing.
const REFUSALS: [Action; 3] = [Action::KeyFailed, Action::PermissionDenied, Action::AgentIdentityMismatch];

impl Database {
    pub(crate) async fn sqlite(file: &Path) -> Self {
        let connection = Connect::connect(format!("sqlite://{}?mode=ro", file.display())).await;
        let file = Some(file.to_owned());
        Self { connection: connection.expect("the file opens"), backend: Backend::Sqlite, file }
    }

    pub(crate) async fn postgres(url: &str) -> Self {
        let connection = Connect::connect(url).await.expect("PostgreSQL answers");
        Self { connection, backend: Backend::Postgres, file: None }
    }

    /// The first column of every row, as text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let dialect = match self.backend {
            Backend::Sqlite => DbBackend::Sqlite,
            Backend::Postgres => DbBackend::Postgres,
        };
        let rows = self.connection.query_all_raw(Statement::from_string(dialect, sql)).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.try_get_by_index::<Option<String>>(0).expect("a text").unwrap_or_default()).collect()
    }

    /// Changes rows as nobody can through the server, such as to let time pass.
    pub(crate) async fn execute(&self, sql: &str) {
        let changed = match &self.file {
            None => self.connection.execute_unprepared(sql).await,
            Some(file) => {
                let writer = Connect::connect(format!("sqlite://{}?mode=rw", file.display())).await.expect("it opens");
                writer.execute_unprepared("PRAGMA busy_timeout = 30000").await.expect("a patient writer");
                writer.execute_unprepared(sql).await
            }
        };
        changed.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// How many rows.
    pub(crate) async fn count(&self, from: &str) -> u64 {
        let texts = self.texts(&format!("SELECT CAST(count(*) AS TEXT) FROM {from}")).await;
        texts[0].parse().expect("a number")
    }

    /// A binary column as lower-case hex.
    pub(crate) fn hex(&self, column: &str) -> String {
        match self.backend {
            Backend::Sqlite => format!("lower(hex({column}))"),
            Backend::Postgres => format!("encode({column}, 'hex')"),
        }
    }

    /// Everything that is stored, but for the records of refusals and what changes by itself.
    pub(crate) async fn dump(&self) -> Dump {
        let mut dump = self.everything().await;
        let events = dump.get_mut("audit_events").expect("a table of audit events");
        let quote = if self.backend == Backend::Sqlite { "'" } else { "" };
        let refused = REFUSALS.map(|action| format!("action={quote}{}{quote} ", action.as_str()));
        events.retain(|event| !refused.iter().any(|action| event.starts_with(action)));
        dump
    }

    /// The same with audit events.
    pub(crate) async fn everything(&self) -> Dump {
        let tables = match self.backend {
            Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            Backend::Postgres => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
        };
        let mut dump = Dump::new();
        for table in self.texts(tables).await {
            let restless = RESTLESS.iter().find(|(name, _)| *name == table).map(|(_, columns)| *columns);
            if restless == Some(&[]) {
                continue;
            }
            let columns = match self.backend {
                Backend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name"),
                Backend::Postgres => format!(
                    "SELECT column_name::text FROM information_schema.columns WHERE table_name = '{table}' \
                     AND table_schema = 'public' ORDER BY column_name"
                ),
            };
            let columns = self.texts(&columns).await;
            let kept = columns.iter().filter(|column| !restless.unwrap_or_default().contains(&column.as_str()));
            let shown: Vec<String> = kept
                .map(|column| match self.backend {
                    Backend::Sqlite => format!("'{column}=' || quote(\"{column}\")"),
                    Backend::Postgres => format!("'{column}=' || coalesce(\"{column}\"::text, 'NULL')"),
                })
                .collect();
            let rows = format!("SELECT {} AS line FROM {table} ORDER BY 1", shown.join(" || ' ' || "));
            dump.insert(table, self.texts(&rows).await);
        }
        dump
    }
}

/// The tables that differ.
pub(crate) fn changed(before: &Dump, after: &Dump) -> Vec<String> {
    assert!(!before.is_empty(), "a dump of nothing proves nothing");
    let tables: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    tables.into_iter().filter(|table| before.get(*table) != after.get(*table)).cloned().collect()
}

/// Fails with the tables that differ.
#[track_caller]
pub(crate) fn assert_unchanged(what: &str, before: &Dump, after: &Dump) {
    assert!(!before.is_empty(), "a dump of nothing proves nothing");
    for (table, rows) in before {
        assert_eq!(Some(rows), after.get(table), "{what} changed {table}");
    }
    assert_eq!(before.len(), after.len(), "{what} changed the tables");
}
