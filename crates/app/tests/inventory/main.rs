//! What people keep in order, on both databases: the same tests under the same names.

mod approvals;
mod fleet;
mod ownership;
mod profiles;
mod settings;
mod support;

/// Runs each named test on both back ends.
macro_rules! on_both {
    ($($test:path as $name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                if let Some(fixture) = crate::support::Fixture::open(certctl_db::Backend::Sqlite).await { $test(&fixture).await; }
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                if let Some(fixture) = crate::support::Fixture::open(certctl_db::Backend::Postgres).await { $test(&fixture).await; }
            })*
        }
    };
}

on_both! {
    crate::ownership::a_team_lives_its_life as a_team_lives_its_life,
    crate::ownership::all_wrong_fields_are_named_at_once as all_wrong_fields_are_named_at_once,
    crate::ownership::the_revision_named_must_be_the_stored_one as the_revision_named_must_be_the_stored_one,
    crate::ownership::what_is_used_is_not_deleted as what_is_used_is_not_deleted,
    crate::ownership::pages_follow_one_another as pages_follow_one_another,
    crate::ownership::a_viewer_changes_nothing as a_viewer_changes_nothing,
    crate::profiles::every_revision_stays_readable as every_revision_stays_readable,
    crate::profiles::unknown_words_are_reported_with_the_rest as unknown_words_are_reported_with_the_rest,
    crate::profiles::a_gated_edit_waits_for_a_second_person as a_gated_edit_waits_for_a_second_person,
    crate::profiles::an_edit_of_a_profile_that_moved_is_not_applied as an_edit_of_a_profile_that_moved_is_not_applied,
    crate::profiles::a_policy_change_is_followed_by_a_job as a_policy_change_is_followed_by_a_job,
    crate::settings::the_first_rows_are_there_once as the_first_rows_are_there_once,
    crate::settings::secrets_are_kept_sealed_and_masked as secrets_are_kept_sealed_and_masked,
    crate::settings::issuers_of_ours_are_hidden as issuers_of_ours_are_hidden,
    crate::settings::only_linked_types_exist as only_linked_types_exist,
    crate::settings::a_local_issuer_gets_its_authorities as a_local_issuer_gets_its_authorities,
    crate::fleet::a_token_is_shown_once_and_withdrawn as a_token_is_shown_once_and_withdrawn,
    crate::fleet::an_agent_with_dependants_is_retired_only_by_force as an_agent_with_dependants_is_retired_only_by_force,
    crate::fleet::a_target_test_names_what_is_in_the_way as a_target_test_names_what_is_in_the_way,
    crate::approvals::an_approved_issuance_goes_where_its_key_is as an_approved_issuance_goes_where_its_key_is,
    crate::approvals::two_persons_are_needed as two_persons_are_needed,
    crate::approvals::one_decision_wins as one_decision_wins,
    crate::approvals::a_rejected_issuance_is_cancelled as a_rejected_issuance_is_cancelled,
    crate::approvals::an_undecided_request_expires as an_undecided_request_expires,
    crate::approvals::a_retired_agent_takes_its_requests_along as a_retired_agent_takes_its_requests_along,
    crate::approvals::a_cancelled_job_closes_its_request as a_cancelled_job_closes_its_request,
}
