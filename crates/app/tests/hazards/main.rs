//! What must hold when two act at once, an old answer comes back, or a row cannot be read: on both databases.

mod administrators;
mod enrolment;
mod handout;
mod orders;
mod passes;
mod requests;
mod stopping;
mod support;
mod targets;
mod verification;

certctl_testkit::on_both_worlds! {
    crate::enrolment::an_old_answer_revives_no_identity as an_old_answer_revives_no_identity,
    crate::enrolment::an_enrolment_beside_a_repeated_one_lives as an_enrolment_beside_a_repeated_one_lives,
    crate::enrolment::one_request_sent_twice_at_once_is_one_agent as one_request_sent_twice_at_once_is_one_agent,
    crate::administrators::two_who_take_each_others_role_leave_one as two_who_take_each_others_role_leave_one,
    crate::administrators::two_who_revoke_each_others_key_leave_one as two_who_revoke_each_others_key_leave_one,
    crate::administrators::a_rotated_administrator_keeps_its_successor as a_rotated_administrator_keeps_its_successor,
    crate::administrators::two_who_revoke_both_keys_of_the_last_one_leave_it as two_who_revoke_both_keys_of_the_last_one_leave_it,
    crate::administrators::an_administrator_whose_key_expires_is_not_the_last as an_administrator_whose_key_expires_is_not_the_last,
    crate::administrators::two_who_make_a_key_of_one_name_make_one as two_who_make_a_key_of_one_name_make_one,
    crate::administrators::an_installation_nobody_can_enter_opens_its_door as an_installation_nobody_can_enter_opens_its_door,
    crate::administrators::a_name_that_leaves_the_environment_holds_nothing as a_name_that_leaves_the_environment_holds_nothing,
    crate::administrators::a_start_that_is_refused_changes_nothing as a_start_that_is_refused_changes_nothing,
    crate::administrators::a_lasting_role_replaces_one_that_ends as a_lasting_role_replaces_one_that_ends,
    crate::administrators::a_role_is_never_shortened_in_silence as a_role_is_never_shortened_in_silence,
    crate::administrators::a_name_that_is_used_again_begins_without_roles as a_name_that_is_used_again_begins_without_roles,
    crate::administrators::a_key_of_the_environment_inherits_nothing as a_key_of_the_environment_inherits_nothing,
    crate::verification::a_failed_handshake_fails_the_deployment as a_failed_handshake_fails_the_deployment,
    crate::verification::a_reported_handshake_proves_the_result as a_reported_handshake_proves_the_result,
    crate::verification::the_last_handshake_counts as the_last_handshake_counts,
    crate::verification::a_handshake_beside_the_result_overwrites_nothing as a_handshake_beside_the_result_overwrites_nothing,
    crate::verification::a_result_beside_a_change_is_never_refused_for_it as a_result_beside_a_change_is_never_refused_for_it,
    crate::verification::what_nobody_saw_is_installed_and_not_verified as what_nobody_saw_is_installed_and_not_verified,
    crate::requests::an_agent_hears_what_becomes_of_its_request as an_agent_hears_what_becomes_of_its_request,
    crate::stopping::a_deployment_called_off_before_it_begins_does_not_begin as a_deployment_called_off_before_it_begins_does_not_begin,
    crate::stopping::a_deployment_that_fails_once_called_off_is_not_repeated as a_deployment_that_fails_once_called_off_is_not_repeated,
    crate::stopping::a_request_that_fails_once_called_off_is_not_repeated as a_request_that_fails_once_called_off_is_not_repeated,
    crate::verification::a_target_that_changed_meanwhile_is_installed_anew as a_target_that_changed_meanwhile_is_installed_anew,
    crate::handout::a_request_that_cannot_be_built_harms_no_other as a_request_that_cannot_be_built_harms_no_other,
    crate::handout::a_deployment_that_cannot_be_built_is_a_failed_attempt as a_deployment_that_cannot_be_built_is_a_failed_attempt,
    crate::handout::work_that_is_not_handed_out_is_given_back as work_that_is_not_handed_out_is_given_back,
    crate::handout::work_whose_mapping_moves_meanwhile_is_given_back as work_whose_mapping_moves_meanwhile_is_given_back,
    crate::orders::a_silent_issuer_is_in_nobodys_way as a_silent_issuer_is_in_nobodys_way,
    crate::orders::an_issuer_is_asked_when_it_wishes as an_issuer_is_asked_when_it_wishes,
    crate::orders::only_its_issuer_ends_an_order as only_its_issuer_ends_an_order,
    crate::orders::an_order_is_asked_for_once_more_when_its_time_is_over as an_order_is_asked_for_once_more_when_its_time_is_over,
    crate::orders::whoever_asks_waits_for_an_issuer_that_soon_answers as whoever_asks_waits_for_an_issuer_that_soon_answers,
    crate::orders::a_stop_of_the_server_waits_for_no_issuer as a_stop_of_the_server_waits_for_no_issuer,
    crate::passes::a_bad_row_stops_no_recovery as a_bad_row_stops_no_recovery,
    crate::passes::a_bad_row_stops_no_timeout as a_bad_row_stops_no_timeout,
    crate::passes::a_row_that_cannot_be_read_stops_no_pass as a_row_that_cannot_be_read_stops_no_pass,
    crate::passes::a_row_that_cannot_be_read_keeps_its_plan_alone as a_row_that_cannot_be_read_keeps_its_plan_alone,
    crate::passes::a_job_that_cannot_be_read_stops_no_work as a_job_that_cannot_be_read_stops_no_work,
    crate::passes::a_page_of_bad_rows_starves_nobody as a_page_of_bad_rows_starves_nobody,
    crate::passes::a_bad_row_stops_no_agent_that_starts as a_bad_row_stops_no_agent_that_starts,
    crate::targets::a_test_is_answered_with_what_the_agent_found as a_test_is_answered_with_what_the_agent_found,
    crate::targets::a_finding_of_the_agent_fails_the_test as a_finding_of_the_agent_fails_the_test,
    crate::targets::a_test_ends_when_its_agent_dies as a_test_ends_when_its_agent_dies,
    crate::targets::a_test_ends_when_its_agent_never_takes_it_up as a_test_ends_when_its_agent_never_takes_it_up,
    crate::targets::a_test_can_be_cancelled as a_test_can_be_cancelled,
    crate::targets::a_target_that_changed_meanwhile_is_not_called_tested as a_target_that_changed_meanwhile_is_not_called_tested,
    crate::targets::a_test_is_no_work_on_a_certificate as a_test_is_no_work_on_a_certificate,
}
