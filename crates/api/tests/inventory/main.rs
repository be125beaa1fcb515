//! The inventory through its door, on both databases: the same tests under the same names.

mod connectors;
mod door;
mod people;
mod work;

/// Runs each named test on both back ends.
macro_rules! on_both {
    ($($test:path as $name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                if let Some(door) = crate::door::Door::open(certctl_db::Backend::Sqlite).await { $test(&door).await; }
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                if let Some(door) = crate::door::Door::open(certctl_db::Backend::Postgres).await { $test(&door).await; }
            })*
        }
    };
}

on_both! {
    crate::people::a_team_is_created_shown_edited_and_deleted as a_team_is_created_shown_edited_and_deleted,
    crate::people::mistakes_are_named_with_their_field as mistakes_are_named_with_their_field,
    crate::people::fields_of_the_server_are_accepted_when_equal as fields_of_the_server_are_accepted_when_equal,
    crate::people::a_patch_with_null_resets as a_patch_with_null_resets,
    crate::people::lists_are_strict_and_paged as lists_are_strict_and_paged,
    crate::people::a_gated_profile_edit_is_answered_202 as a_gated_profile_edit_is_answered_202,
    crate::people::a_policy_is_edited_within_its_bounds as a_policy_is_edited_within_its_bounds,
    crate::connectors::issuers_are_typed_and_tested as issuers_are_typed_and_tested,
    crate::connectors::targets_are_typed_and_merged as targets_are_typed_and_merged,
    crate::work::an_agent_is_prepared_and_retired as an_agent_is_prepared_and_retired,
    crate::work::tokens_are_shown_once as tokens_are_shown_once,
    crate::work::jobs_are_listed_strictly as jobs_are_listed_strictly,
    crate::work::a_gated_issuance_is_decided_over_rest as a_gated_issuance_is_decided_over_rest,
}
