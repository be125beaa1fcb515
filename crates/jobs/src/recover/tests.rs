//! What the loops ask for costs the same however many jobs there are.

use certctl_db::{Backend, Place, in_order};
use certctl_testkit::db::TestDb;
use sea_orm::QueryTrait;

use super::waiting;
use crate::State;
use crate::entity::job;

async fn what_waits_has_its_index(backend: Backend) {
    let Some(db) = TestDb::open(backend).await else { return };
    let behind = Place { at: Some(5), key: vec!["job_5".to_owned()] };
    let asked =
        [(State::AwaitingCsr, None, "jobs_awaiting_csr_idx"), (State::Pending, Some("TestTarget"), "jobs_test_idx")];
    for (state, kind, index) in asked {
        for after in [None, Some(&behind)] {
            let find = waiting(state, kind, 100);
            let find = in_order(find, job::Column::StateChangedAt, &[job::Column::Id], after, 200);
            let plan = db.plan(find.as_query()).await;
            assert!(plan.contains(index), "{after:?}: {plan}");
            assert!(!plan.to_uppercase().contains("SORT") && !plan.contains("TEMP B-TREE"), "in order: {plan}");
        }
    }
}

mod sqlite {
    #[tokio::test]
    async fn what_waits_has_its_index() {
        super::what_waits_has_its_index(certctl_db::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn what_waits_has_its_index() {
        super::what_waits_has_its_index(certctl_db::Backend::Postgres).await;
    }
}
