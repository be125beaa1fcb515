use certctl_db::{Backend, Db};
use certctl_testkit::db::TestDb;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{PostgresQueryBuilder, SqliteQueryBuilder};

use super::*;

/// The index that finds what can be of this status. Several hold the open jobs and nothing else.
fn index(status: Status) -> &'static str {
    match status {
        Status::Archived => "certificates_archived_idx",
        Status::Revoked => "certificates_revoked_idx",
        Status::Expired | Status::Pending => "certificates_not_after_idx",
        Status::RenewalInProgress => "jobs_open_",
        Status::Failed => "jobs_failed_idx",
        Status::Expiring | Status::Active => "certificates_turn_idx",
    }
}

async fn each_status_is_found_through_an_index(backend: Backend) {
    let Some(opened) = TestDb::open(backend).await else { return };
    let now = Timestamp::from_unix_micros(1_800_000_000_000_000);
    for status in Status::ALL {
        let plan = plan(&opened.db, &few(status, now)).await;
        assert!(plan.contains(index(status)), "{status:?}: {plan}");
        assert!(!plan.contains("Seq Scan"), "{status:?}: {plan}");
        assert!(plan.lines().all(|step| !step.starts_with("SCAN") || step.contains("INDEX")), "{status:?}: {plan}");
    }
    opened.db.close().await;
}

/// How the database would go about it.
async fn plan(db: &Db, select: &SelectStatement) -> String {
    let txn = db.begin().await.expect("a transaction");
    let connection = txn.connection();
    let (sql, column) = match db.backend() {
        Backend::Sqlite => (format!("EXPLAIN QUERY PLAN {}", select.to_string(SqliteQueryBuilder)), "detail"),
        Backend::Postgres => {
            // An empty table is scanned if it may be.
            let off = "SET LOCAL enable_seqscan = off";
            connection.execute_unprepared(off).await.expect("set");
            (format!("EXPLAIN {}", select.to_string(PostgresQueryBuilder)), "QUERY PLAN")
        }
    };
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let steps = connection.query_all_raw(statement).await.expect("planned");
    steps.iter().map(|step| step.try_get::<String>("", column).expect("a text") + "\n").collect()
}

mod sqlite {
    #[tokio::test]
    async fn each_status_is_found_through_an_index() {
        super::each_status_is_found_through_an_index(certctl_db::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn each_status_is_found_through_an_index() {
        super::each_status_is_found_through_an_index(certctl_db::Backend::Postgres).await;
    }
}
