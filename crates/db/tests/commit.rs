//! Units of work on both databases: what a caller is told, and what is stored afterwards.

use certctl_db::sea_orm::sea_query::{Expr, ExprTrait, Query};
use certctl_db::sea_orm::{ActiveModelBehavior, DeriveEntityModel, DeriveRelation, EntityTrait, EnumIter};
use certctl_db::sea_orm::{ColumnTrait, QueryFilter};
use certctl_db::{Backend, Change, Db, DbError, Guard, Unit, counter};
use certctl_testkit::db::TestDb;

#[expect(unreachable_pub, reason = "the derive writes public items")]
mod team {
    use super::*;
    use certctl_db::sea_orm::{self, DerivePrimaryKey, PrimaryKeyTrait};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "teams")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub description: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub revision: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

#[expect(unreachable_pub, reason = "the derive writes public items")]
mod owner {
    use super::*;
    use certctl_db::sea_orm::{self, DerivePrimaryKey, PrimaryKeyTrait};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "owners")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub email: String,
        pub team_id: String,
        pub created_at: i64,
        pub updated_at: i64,
        pub revision: i64,
    }
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

fn a_team(id: &str) -> team::Model {
    team::Model {
        id: id.to_owned(),
        name: format!("name of {id}"),
        description: String::new(),
        created_at: 1,
        updated_at: 1,
        revision: 1,
    }
}

fn an_owner(id: &str, team: &str) -> owner::Model {
    owner::Model {
        id: id.to_owned(),
        name: id.to_owned(),
        email: String::new(),
        team_id: team.to_owned(),
        created_at: 1,
        updated_at: 1,
        revision: 1,
    }
}

fn insert(id: &str) -> Unit {
    let mut unit = Unit::new();
    unit.insert(&a_team(id)).count("teams", 1);
    unit
}

fn raise(id: &str, from: i64) -> Unit {
    let change = Change::of::<team::Entity>("team", id)
        .key(team::Column::Id, id)
        .expect(team::Column::Revision, from)
        .set(team::Column::Description, format!("raised from {from}"))
        .add(team::Column::Revision, 1);
    let mut unit = Unit::new();
    unit.change(change);
    unit
}

async fn team(db: &Db, id: &str) -> Option<team::Model> {
    team::Entity::find_by_id(id).one(db.read()).await.expect("teams can be read")
}

/// Submits all units at once, so that they meet in one group.
async fn commit_all(db: &Db, units: Vec<Unit>) -> Vec<Result<(), DbError>> {
    let tasks: Vec<_> = units
        .into_iter()
        .map(|unit| {
            tokio::spawn({
                let db = db.clone();
                async move { db.commit(unit).await }
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("the task ends"));
    }
    outcomes
}

async fn rows_of_all_units_of_a_group_are_stored(db: &Db) {
    let outcomes = commit_all(db, (0..150).map(|n| insert(&format!("t{n}"))).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(team::Entity::find().all(db.read()).await.expect("read").len(), 150);
    assert_eq!(counter(db, "teams").await.expect("read"), 150);
}

async fn one_units_conflict_does_not_reach_the_others(db: &Db) {
    db.commit(insert("t3")).await.expect("first");
    let outcomes = commit_all(db, (0..40).map(|n| insert(&format!("t{n}"))).collect()).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        if n == 3 {
            let error = outcome.as_ref().expect_err("the row exists");
            assert!(error.is_unique("teams", &["id"]) || error.is_unique("teams", &["name"]), "{error:?}");
        } else {
            assert!(outcome.is_ok(), "{n}: {outcome:?}");
        }
    }
    assert_eq!(counter(db, "teams").await.expect("read"), 40);
}

async fn a_guard_that_fails_undoes_its_whole_unit(db: &Db) {
    db.commit(insert("t")).await.expect("insert");
    let mut unit = raise("t", 7);
    unit.insert(&a_team("beside")).count("teams", 1);
    let error = db.commit(unit).await.expect_err("revision is 1");
    assert!(matches!(&error, DbError::Moved { entity: "team", id } if id == "t"), "{error:?}");
    assert_eq!(team(db, "beside").await, None);
    assert_eq!(counter(db, "teams").await.expect("read"), 1);
}

async fn of_two_units_that_expect_the_same_revision_one_wins(db: &Db) {
    db.commit(insert("t")).await.expect("insert");
    let mut units: Vec<Unit> = (0..30).map(|_| raise("t", 1)).collect();
    units.extend((0..30).map(|n| insert(&format!("other{n}"))));
    let outcomes = commit_all(db, units).await;
    assert_eq!(outcomes[..30].iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes[30..].iter().all(Result::is_ok));
    assert_eq!(team(db, "t").await.expect("stored").revision, 2);
}

async fn a_unit_may_change_one_row_twice(db: &Db) {
    db.commit(insert("t")).await.expect("insert");
    let mut unit = raise("t", 1);
    unit.append(raise("t", 2));
    db.commit(unit).await.expect("in the order given");
    assert_eq!(team(db, "t").await.expect("stored").revision, 3);
}

async fn changes_of_many_rows_merge(db: &Db) {
    commit_all(db, (0..70).map(|n| insert(&format!("t{n}"))).collect()).await;
    let outcomes = commit_all(db, (0..70).map(|n| raise(&format!("t{n}"), 1)).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let teams = team::Entity::find().all(db.read()).await.expect("read");
    assert!(teams.iter().all(|team| team.revision == 2 && team.description == "raised from 1"));
}

async fn referenced_rows_are_inserted_first(db: &Db) {
    let mut unit = Unit::new();
    unit.insert(&an_owner("o", "t")).insert(&a_team("t"));
    db.commit(unit).await.expect("the team comes first");
    let mut unit = Unit::new();
    unit.insert(&an_owner("p", "nobody"));
    let error = db.commit(unit).await.expect_err("no such team");
    assert!(matches!(error, DbError::Reference { .. }), "{error:?}");
}

async fn statements_are_guarded_by_their_row_count(db: &Db) {
    db.commit(insert("t")).await.expect("insert");
    let statement = || {
        Query::update()
            .table(team::Entity)
            .value(team::Column::Description, "x")
            .and_where(Expr::col(team::Column::Name).eq("name of t"))
            .to_owned()
    };
    let mut unit = Unit::new();
    unit.update(statement(), Guard::one("team", "t"));
    db.commit(unit).await.expect("one row");
    let mut unit = Unit::new();
    unit.update(statement(), Guard::exactly(2, "team", "t"));
    assert!(matches!(db.commit(unit).await, Err(DbError::Moved { .. })));
    let mut unit = Unit::new();
    unit.delete_first(Query::delete().from_table(team::Entity).and_where(team::Column::Id.eq("t")).to_owned());
    unit.insert(&a_team("t"));
    db.commit(unit).await.expect("deleted before the insert");
}

async fn an_existing_row_may_be_ignored(db: &Db) {
    let mut unit = Unit::new();
    unit.insert_or_ignore(&a_team("t")).insert_or_ignore(&a_team("t")).insert_or_ignore(&a_team("u"));
    db.commit(unit).await.expect("ignored");
    assert_eq!(team::Entity::find().all(db.read()).await.expect("read").len(), 2);
}

async fn a_transaction_is_undone_unless_it_returns_ok(db: &Db) {
    let undone: Result<(), DbError> = db
        .transaction(async |txn| {
            team::Entity::insert(team::ActiveModel::from(a_team("t"))).exec_without_returning(txn).await?;
            Err(DbError::Closed)
        })
        .await;
    assert!(undone.is_err());
    assert_eq!(team(db, "t").await, None);
    let name = "t".to_owned();
    let spawned = db.clone();
    tokio::spawn(async move {
        spawned
            .transaction(async |txn| {
                team::Entity::insert(team::ActiveModel::from(a_team(&name))).exec_without_returning(txn).await?;
                let found = team::Entity::find().filter(team::Column::Id.eq(&name)).one(txn).await?;
                Ok::<_, DbError>(found.is_some())
            })
            .await
    })
    .await
    .expect("the task ends")
    .expect("committed");
    assert!(team(db, "t").await.is_some());
}

async fn a_wake_is_heard_after_the_commit(db: &Db) {
    let mut heard = db.notifier().subscribe();
    let mut unit = insert("t");
    unit.wake("jobs:server");
    db.commit(unit).await.expect("committed");
    let wake = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        loop {
            let wake = heard.next().await;
            if wake.topic == "jobs:server" {
                return wake;
            }
        }
    });
    wake.await.expect("heard in time");
}

async fn a_closed_database_says_so(db: &Db) {
    db.commit(insert("t")).await.expect("committed");
    db.close().await;
    assert!(matches!(db.commit(insert("u")).await, Err(DbError::Closed)));
}

macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite { $( #[tokio::test] async fn $test() { super::check(super::Backend::Sqlite, super::$test).await } )* }
        mod postgres { $( #[tokio::test] async fn $test() { super::check(super::Backend::Postgres, super::$test).await } )* }
    };
}

async fn check(backend: Backend, test: impl AsyncFnOnce(&Db)) {
    if let Some(opened) = TestDb::open(backend).await {
        test(&opened.db).await;
    }
}

contract! {
    rows_of_all_units_of_a_group_are_stored
    one_units_conflict_does_not_reach_the_others
    a_guard_that_fails_undoes_its_whole_unit
    of_two_units_that_expect_the_same_revision_one_wins
    a_unit_may_change_one_row_twice
    changes_of_many_rows_merge
    referenced_rows_are_inserted_first
    statements_are_guarded_by_their_row_count
    an_existing_row_may_be_ignored
    a_transaction_is_undone_unless_it_returns_ok
    a_wake_is_heard_after_the_commit
    a_closed_database_says_so
}
