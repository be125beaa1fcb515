use sqlx::{Connection, Row, SqliteConnection};

use super::{change, chunk, count, insert};
use crate::Backend;
use crate::change::{Check, Set, Shape};
use crate::unit::OnConflict;

fn shape() -> Shape {
    Shape {
        keys: vec!["id"],
        equal: vec!["lease_epoch"],
        checks: vec![Check::In("state", &["claimed", "running"]), Check::Null("completed_at")],
        sets: vec![Set::To("state"), Set::Add("attempt")],
    }
}

const KINDS: [&str; 4] = ["text[]", "int8[]", "text[]", "int8[]"];

#[test]
fn one_row_and_many_say_the_same_in_both_dialects() {
    assert_eq!(
        change(Backend::Sqlite, "jobs", &shape(), &KINDS, 1),
        r#"UPDATE "jobs" AS t SET "state" = ?3, "attempt" = t."attempt" + ?4 WHERE t."id" = ?1 AND t."lease_epoch" IS ?2 AND t."state" IN ('claimed', 'running') AND t."completed_at" IS NULL"#
    );
    assert_eq!(
        change(Backend::Sqlite, "jobs", &shape(), &KINDS, 2),
        r#"WITH v (c0, c1, c2, c3) AS (VALUES (?,?,?,?), (?,?,?,?)) UPDATE "jobs" AS t SET "state" = v.c2, "attempt" = t."attempt" + v.c3 FROM v WHERE t."id" = v.c0 AND t."lease_epoch" IS v.c1 AND t."state" IN ('claimed', 'running') AND t."completed_at" IS NULL"#
    );
    assert_eq!(
        change(Backend::Postgres, "jobs", &shape(), &KINDS, 7),
        r#"UPDATE "jobs" AS t SET "state" = v.c2, "attempt" = t."attempt" + v.c3 FROM unnest($1::text[], $2::int8[], $3::text[], $4::int8[]) AS v (c0, c1, c2, c3) WHERE t."id" = v.c0 AND t."lease_epoch" IS NOT DISTINCT FROM v.c1 AND t."state" IN ('claimed', 'running') AND t."completed_at" IS NULL"#
    );
    assert_eq!(
        insert(Backend::Sqlite, "t", &["a", "b"], &KINDS[..2], OnConflict::Ignore, 2),
        r#"INSERT INTO "t" ("a", "b") VALUES (?,?), (?,?) ON CONFLICT DO NOTHING"#
    );
    assert_eq!(
        insert(Backend::Postgres, "t", &["a", "b"], &KINDS[..2], OnConflict::Fail, 2),
        r#"INSERT INTO "t" ("a", "b") SELECT * FROM unnest($1::text[], $2::int8[])"#
    );
    assert_eq!(
        count(Backend::Sqlite, 1),
        "INSERT INTO counters (name, shard, value) SELECT ?1, 0, ?2 WHERE true \
         ON CONFLICT (name, shard) DO UPDATE SET value = counters.value + excluded.value"
    );
}

#[test]
fn few_chunk_sizes_serve_any_number_of_rows() {
    let mut sizes = std::collections::BTreeSet::new();
    for rows in 1..=300_usize {
        let (mut left, mut statements) = (rows, 0);
        while left > 0 {
            let size = chunk(Backend::Sqlite, left);
            sizes.insert(size);
            left -= size;
            statements += 1;
        }
        assert!(statements <= 3 + rows / 64, "{rows} rows take {statements} statements");
    }
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]);
    assert_eq!(chunk(Backend::Postgres, 300), 300);
}

/// The planner must look rows up by key, whatever it believes of the table's size.
#[tokio::test]
async fn changed_rows_are_found_by_their_key_where_sqlite_plans() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.expect("SQLite opens");
    let ddl = "CREATE TABLE jobs (id TEXT NOT NULL PRIMARY KEY, state TEXT, attempt BIGINT, lease_epoch BIGINT, completed_at BIGINT)";
    sqlx::query(ddl).execute(&mut connection).await.expect("the table is made");
    for rows in [1, 2, 64] {
        let sql = format!("EXPLAIN QUERY PLAN {}", change(Backend::Sqlite, "jobs", &shape(), &KINDS, rows));
        let plan = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("planned");
        let steps: Vec<String> = plan.iter().map(|step| step.get::<String, _>("detail")).collect();
        assert!(steps.iter().any(|step| step.starts_with("SEARCH t USING INDEX sqlite_autoindex_jobs_1")), "{steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN t")), "{steps:?}");
    }
}
