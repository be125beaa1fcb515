//! What the store promises, on both databases.

#[path = "contract/auth.rs"]
mod auth;
#[path = "contract/certificates.rs"]
mod certificates;
#[path = "support/fixtures.rs"]
mod fixtures;
#[path = "support/foundation.rs"]
mod foundation;
#[path = "contract/inventory.rs"]
mod inventory;
#[path = "contract/lists.rs"]
mod lists;

use certctl_db::{Backend, Db, DbError, Unit};
use certctl_testkit::db::TestDb;

/// Instantiates the same tests for each database.
macro_rules! store_contract {
    ($($module:ident: $($test:ident)*;)*) => {
        mod sqlite { $( mod $module { $(
            #[tokio::test]
            async fn $test() { crate::check(certctl_db::Backend::Sqlite, crate::$module::$test).await }
        )* } )* }
        mod postgres { $( mod $module { $(
            #[tokio::test]
            async fn $test() { crate::check(certctl_db::Backend::Postgres, crate::$module::$test).await }
        )* } )* }
    };
}

store_contract! {
    certificates:
        a_certificate_reads_back
        an_edit_needs_the_revision_it_was_made_from
        an_issuance_moves_version_identity_and_certificate
        a_serial_is_used_once_per_ca
        intents_left_behind_are_found
        identities_are_found_when_due
        a_mapping_moves_only_from_the_state_it_was_read_in
        events_are_read_newest_first
        the_outbox_is_told_in_order;
    lists:
        counters_follow_creation_moves_and_archiving
        pages_in_every_order_show_every_certificate_once
        status_in_sql_is_status_in_rust
        many_of_a_status_are_listed_as_few_are
        other_totals_stop_at_their_limit_or_count_exactly;
    auth:
        keys_live_until_they_expire_or_are_revoked
        a_rotated_key_overlaps_its_successor
        stored_roles_are_those_of_the_code
        grants_add_up_and_end
        the_grant_that_lasts_longer_stands
        the_bootstrap_door_closes_once
        a_data_key_is_retired_and_rewrapped
        a_repeated_request_finds_its_answer;
    inventory:
        things_read_back_and_refuse_old_revisions
        what_is_referred_to_cannot_be_deleted
        a_token_admits_no_more_than_it_may
        credentials_die_together
        every_revision_of_a_profile_is_kept;
}

async fn check(backend: Backend, test: impl AsyncFnOnce(&Db)) {
    let Some(opened) = TestDb::open(backend).await else { return };
    if backend == Backend::Postgres {
        assert!(version(&opened.db).await.starts_with("PostgreSQL"), "this is not PostgreSQL");
    }
    opened.db.commit(foundation::foundation()).await.expect("the foundation is stored");
    test(&opened.db).await;
    opened.db.close().await;
}

async fn version(db: &Db) -> String {
    use sea_orm::{ConnectionTrait, Statement};
    let statement = Statement::from_string(db.read().get_database_backend(), "SELECT version() AS version");
    let row = db.read().query_one_raw(statement).await.expect("read").expect("one row");
    row.try_get("", "version").expect("a text")
}

async fn write(db: &Db, declare: impl FnOnce(&mut Unit)) -> Result<(), DbError> {
    let mut unit = Unit::new();
    declare(&mut unit);
    db.commit(unit).await
}

async fn stored(db: &Db, declare: impl FnOnce(&mut Unit)) {
    write(db, declare).await.expect("stored");
}

#[track_caller]
fn moved(outcome: Result<(), DbError>) {
    assert!(matches!(outcome, Err(DbError::Moved { .. })), "{outcome:?}");
}
