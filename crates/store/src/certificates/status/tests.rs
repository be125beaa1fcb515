//! What lists and counts by status ask for costs what it finds, not what there is.

use certctl_db::Backend;
use certctl_testkit::db::TestDb;
use sea_orm::{DbBackend, QueryTrait, StatementBuilder};

use super::*;
use crate::certificates::page::{Sort, select, sort_key};

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
        let plan = opened.plan(&few(status, now)).await;
        assert!(plan.contains(index(status)), "{status:?}: {plan}");
        assert!(!plan.contains("Seq Scan"), "{status:?}: {plan}");
        assert!(plan.lines().all(|step| !step.starts_with("SCAN") || step.contains("INDEX")), "{status:?}: {plan}");
    }
}

async fn a_page_of_one_status_reads_few_or_walks_in_order(backend: Backend) {
    let Some(opened) = TestDb::open(backend).await else { return };
    let now = Timestamp::from_unix_micros(1_800_000_000_000_000);
    let first = Page { sort: Sort::CreatedAt, descending: true, offset: 0, after: None, limit: 50 };
    for status in Status::ALL {
        let filter = Filter { status: Some(status), ..Filter::default() };
        let key = || sort_key(first.sort).expect("a column");
        let plan = opened.plan(QueryTrait::as_query(&select(&filter, &first, key(), Some(status), now))).await;
        assert!(plan.contains(index(status)) && !plan.contains("Seq Scan"), "{status:?}: {plan}");
        let plan = opened.plan(QueryTrait::as_query(&select(&filter, &first, key(), None, now))).await;
        // PostgreSQL would sort above the index, SQLite below it. What is sorted further down is one certificate's jobs.
        assert!(plan.lines().take(2).any(|step| step.contains("certificates_created_idx")), "{status:?}: {plan}");
        assert!(!plan.contains("USE TEMP B-TREE FOR ORDER BY"), "{status:?}: {plan}");
    }
}

async fn statuses_are_counted_without_a_look_at_every_certificate(backend: Backend) {
    let Some(opened) = TestDb::open(backend).await else { return };
    let plan = opened.plan(&Text(groups(Timestamp::from_unix_micros(1_800_000_000_000_000)))).await;
    for status in Status::ALL.into_iter().filter(|status| !matches!(status, Status::Failed | Status::Active)) {
        assert!(plan.contains(index(status)), "{status:?}: {plan}");
    }
    assert!(!plan.contains("Seq Scan on certificates"), "{plan}");
    let whole = |step: &str| step.starts_with("SCAN certificates") && !step.contains("INDEX");
    assert!(!plan.lines().any(whole), "{plan}");
}

/// A statement as it is sent.
struct Text(String);

impl StatementBuilder for Text {
    fn build(&self, backend: &DbBackend) -> Statement {
        Statement::from_string(*backend, self.0.as_str())
    }
}

mod sqlite {
    use super::Backend;

    #[tokio::test]
    async fn each_status_is_found_through_an_index() {
        super::each_status_is_found_through_an_index(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn a_page_of_one_status_reads_few_or_walks_in_order() {
        super::a_page_of_one_status_reads_few_or_walks_in_order(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn statuses_are_counted_without_a_look_at_every_certificate() {
        super::statuses_are_counted_without_a_look_at_every_certificate(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::Backend;

    #[tokio::test]
    async fn each_status_is_found_through_an_index() {
        super::each_status_is_found_through_an_index(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn a_page_of_one_status_reads_few_or_walks_in_order() {
        super::a_page_of_one_status_reads_few_or_walks_in_order(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn statuses_are_counted_without_a_look_at_every_certificate() {
        super::statuses_are_counted_without_a_look_at_every_certificate(Backend::Postgres).await;
    }
}
