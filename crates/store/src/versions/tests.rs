//! What the loops ask for costs the same however many versions there are.

use certctl_db::{Backend, in_order};
use certctl_testkit::db::TestDb;
use sea_orm::{EntityTrait, QueryTrait};

use super::{Column, Entity, Timestamp, asked, ordered, unordered};

async fn intents_have_their_index(backend: Backend) {
    let Some(db) = TestDb::open(backend).await else { return };
    let at = Timestamp::from_unix_micros(1_800_000_000_000_000);
    let questions = [
        (in_order(unordered(at), Column::CreatedAt, &[Column::Id], None, 200), "certificate_versions_reserved_idx"),
        (asked(at), "certificate_versions_order_idx"),
        (
            in_order(ordered("iss-outside", at, at), Column::PollAt, &[Column::Id], None, 32),
            "certificate_versions_order_idx",
        ),
    ];
    for (find, index) in questions {
        let plan = db.plan(find.as_query()).await;
        assert!(plan.contains(index), "{plan}");
    }
    let all = db.plan(Entity::find().as_query()).await;
    assert!(!all.contains("_idx"), "a question without an index is told from one with: {all}");
}

mod sqlite {
    #[tokio::test]
    async fn intents_have_their_index() {
        super::intents_have_their_index(certctl_db::Backend::Sqlite).await;
    }
}

mod postgres {
    #[tokio::test]
    async fn intents_have_their_index() {
        super::intents_have_their_index(certctl_db::Backend::Postgres).await;
    }
}
