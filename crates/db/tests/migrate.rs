//! The migrations runner and the schema it makes, on both databases.

use certctl_db::migrate::{MigrateError, MigrationFileError, Migrator, schema};
use certctl_db::sea_orm::ConnectionTrait;
use certctl_db::{Backend, Db};
use certctl_testkit::db::TestDb;

async fn up_down_and_up_again_give_the_same_schema(db: &Db) {
    let migrator = Migrator::embedded(db.backend());
    let latest = migrator.migrations().last().expect("there is one").version;
    let status = migrator.up(db, 1, "test").await.expect("up");
    assert_eq!((status.pending.len(), status.applied.last()), (0, Some(&latest)));
    let first = schema(db).await.expect("read");
    let status = migrator.down_to(db, 0).await.expect("down");
    assert_eq!((status.applied.len(), status.pending.len()), (0, migrator.migrations().len()));
    let bare = schema(db).await.expect("read");
    assert_eq!(bare.tables.keys().collect::<Vec<_>>(), ["schema_migrations"], "down leaves only the bookkeeping");
    migrator.up(db, 2, "test").await.expect("up again");
    assert_eq!(schema(db).await.expect("read"), first);
    migrator.up(db, 3, "test").await.expect("nothing to do");
}

async fn the_schema_is_the_one_on_record(db: &Db) {
    Migrator::embedded(db.backend()).up(db, 1, "test").await.expect("up");
    let stored = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/schema.txt");
    let present = schema(db).await.expect("read").to_string();
    if update_wanted() {
        std::fs::write(&stored, &present).expect("written");
    }
    let recorded = std::fs::read_to_string(&stored).unwrap_or_default();
    assert_eq!(present, recorded, "run the test once with UPDATE_EXPECT=1 and review the difference");
}

async fn a_table_refers_only_to_tables_made_before_it(db: &Db) {
    let migrator = Migrator::embedded(db.backend());
    migrator.up(db, 1, "test").await.expect("up");
    let sql: String = migrator.migrations().iter().map(|each| each.up.as_str()).collect();
    let place = |table: &str| sql.find(&format!("CREATE TABLE {table} (")).expect("made by a migration");
    for (name, table) in schema(db).await.expect("read").tables.iter().filter(|(name, _)| *name != "schema_migrations")
    {
        for reference in &table.references {
            let other = reference.rsplit(' ').next().expect("column -> table");
            assert!(other == name || place(other) < place(name), "{name}: {reference}");
        }
    }
}

async fn replicas_that_start_together_migrate_once(db: &Db) {
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { Migrator::embedded(db.backend()).up(&db, n, "test").await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("ends").expect("up").pending, [] as [i64; 0]);
    }
}

async fn drift_and_a_newer_schema_are_told(db: &Db) {
    let migrator = Migrator::embedded(db.backend());
    assert_eq!(migrator.status(db).await.expect("read").applied, [] as [i64; 0]);
    migrator.up(db, 1, "test").await.expect("up");
    let txn = db.begin().await.expect("begin");
    txn.connection()
        .execute_unprepared("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1")
        .await
        .expect("set");
    let newer = "INSERT INTO schema_migrations (version, name, checksum, applied_at, app_version) VALUES (999, 'n', 'c', 1, 'v')";
    txn.connection().execute_unprepared(newer).await.expect("set");
    txn.commit().await.expect("commit");
    let status = migrator.status(db).await.expect("read");
    assert_eq!((status.changed, status.ahead), (vec![1], vec![999]));
    let refused = migrator.down_to(db, 0).await.expect_err("nobody knows how");
    assert!(matches!(refused, MigrateError::Unknown { version: 999 }));
}

async fn a_directory_stands_in_and_a_failed_file_is_undone(db: &Db) {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, sql: &str| std::fs::write(directory.path().join(name), sql).expect("written");
    write("000001_one.up.sql", "CREATE TABLE one (id BIGINT NOT NULL PRIMARY KEY);");
    write("000001_one.down.sql", "DROP TABLE one;");
    write("000002_two.up.sql", "CREATE TABLE two (id BIGINT NOT NULL PRIMARY KEY); CREATE TABLE one (id BIGINT);");
    write("000002_two.down.sql", "DROP TABLE two;");
    let migrator = Migrator::from_directory(directory.path()).expect("read");
    let failed = migrator.up(db, 1, "test").await.expect_err("table one exists");
    assert!(matches!(failed, MigrateError::Failed { version: 2, .. }), "{failed:?}");
    let tables: Vec<String> = schema(db).await.expect("read").tables.into_keys().collect();
    assert_eq!(tables, ["one", "schema_migrations"]);
    assert_eq!(migrator.status(db).await.expect("read").pending, [2]);
    write("000003_three.up.sql", "");
    assert!(matches!(Migrator::from_directory(directory.path()), Err(MigrationFileError::Pair { .. })));
}

async fn the_audit_log_takes_only_its_numbers(db: &Db) {
    Migrator::embedded(db.backend()).up(db, 1, "test").await.expect("up");
    let run = async |sql: &str| -> bool {
        let txn = db.begin().await.expect("begin");
        let done = txn.connection().execute_unprepared(sql).await;
        if done.is_ok() { txn.commit().await.is_ok() } else { false }
    };
    let insert = "INSERT INTO audit_events (id, occurred_at, actor, actor_type, action, resource_type, resource_id, category, details) \
                  VALUES ('evt_1', 1, 'a', 'User', 'x', 'y', 'z', 'auth', '{}')";
    assert!(run(insert).await);
    assert!(run("UPDATE audit_events SET seq = 1 WHERE id = 'evt_1'").await, "numbered once");
    for refused in [
        "UPDATE audit_events SET seq = 2 WHERE id = 'evt_1'",
        "UPDATE audit_events SET actor = 'b' WHERE id = 'evt_1'",
        "DELETE FROM audit_events",
    ] {
        assert!(!run(refused).await, "{refused}");
    }
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let (Some(sqlite), Some(postgres)) = (TestDb::open(Backend::Sqlite).await, TestDb::open(Backend::Postgres).await)
    else {
        return;
    };
    let sqlite = schema(&sqlite.db).await.expect("read");
    let postgres = schema(&postgres.db).await.expect("read");
    assert_eq!(sqlite.to_string(), postgres.to_string());
}

#[test]
fn every_migration_file_is_embedded() {
    for (backend, name) in [(Backend::Sqlite, "sqlite"), (Backend::Postgres, "postgres")] {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(name);
        let read = Migrator::from_directory(&directory).expect("the directory reads");
        assert_eq!(read.migrations(), Migrator::embedded(backend).migrations());
    }
}

#[expect(clippy::disallowed_methods, reason = "the usual switch that rewrites stored expectations")]
fn update_wanted() -> bool {
    std::env::var("UPDATE_EXPECT").is_ok()
}

macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite { $( #[tokio::test] async fn $test() { super::check(super::Backend::Sqlite, super::$test).await } )* }
        mod postgres { $( #[tokio::test] async fn $test() { super::check(super::Backend::Postgres, super::$test).await } )* }
    };
}

async fn check(backend: Backend, test: impl AsyncFnOnce(&Db)) {
    if let Some(opened) = TestDb::open_empty(backend).await {
        test(&opened.db).await;
    }
}

contract! {
    up_down_and_up_again_give_the_same_schema
    the_schema_is_the_one_on_record
    a_table_refers_only_to_tables_made_before_it
    replicas_that_start_together_migrate_once
    drift_and_a_newer_schema_are_told
    a_directory_stands_in_and_a_failed_file_is_undone
    the_audit_log_takes_only_its_numbers
}
