//! The list of the checks of endpoints: the promise, the module, the name, and what an adapter must be able to do for it to
//! apply. The macro and [`checks`](super::checks) are made of the same list, so neither can lack one.

/// Hands the list to `$emit`, behind `$context`.
#[doc(hidden)]
#[macro_export]
macro_rules! __endpoint_checks {
    ($emit:ident $context:tt) => {
        $crate::$emit! {
            $context
            "E10" arguments an_address_that_makes_no_sense_is_told [];
            "E10" arguments an_address_in_use_is_an_error_of_listen [];
            "E10" arguments an_empty_message_is_a_message [packets];
            "E10" arguments an_empty_part_of_a_stream_is_nothing [connections bytes];
            "E10" arguments a_message_that_is_too_long_is_refused_and_the_endpoint_lives_on [largest_message];
            "E10" arguments an_id_that_names_nothing_is_answered_with_a_status [];
            "E10" arguments an_endpoint_that_is_made_up_names_nobody [connections];
            "E10" arguments an_unknown_control_value_is_dropped [];
            "E10" arguments timeouts_of_zero_and_without_end_are_answered [connections];
            "E10" arguments a_stale_endpoint_does_not_reach_the_next_one [];
            "E6" callback the_callback_is_entered_once_at_a_time_whatever_other_threads_do [];
            "E6" callback nothing_that_the_callback_calls_enters_it_again [];
            "E1" connecting a_connect_yields_one_connected_with_the_endpoint_it_returned [];
            "E1" connecting a_hundred_connects_before_the_loop_runs_are_each_told_once [];
            "E1" connecting an_address_that_nobody_listens_on_refuses_once [connections];
            "E1" connecting connect_sync_before_the_loop_runs_reaches_a_listener_of_the_same_node [];
            "E1" connecting connect_sync_works_beside_the_loop_and_inside_the_callback [];
            "E2" connecting each_of_fifty_clients_is_accepted_once_by_its_own_listener_before_its_message [connections];
            "E8" connecting an_address_is_free_again_when_remove_returns [connections];
            "E8" connecting an_address_is_free_again_when_its_node_has_ended [connections];
            "E1 and E3" connecting who_was_not_accepted_yet_is_told_that_the_listener_is_gone [connections];
            "E1 and E2" connecting the_addresses_are_those_of_the_peers [connections];
            "E5" datagrams a_datagram_is_whole_or_not_there [datagrams packets];
            "E1" datagrams a_datagram_is_answered_through_the_endpoint_that_it_came_from [datagrams packets];
            "E4" datagrams nothing_comes_after_a_listener_was_removed [datagrams packets];
            "E7" delivery what_was_sent_before_remove_reaches_a_slow_reader [connections reliability];
            "E7" delivery what_was_sent_before_stop_reaches_a_slow_reader [connections reliability];
            "E7" delivery what_was_sent_before_the_endpoint_was_ready_arrives_though_it_is_removed_or_stopped [connections reliability];
            "E7" delivery what_cannot_be_delivered_within_the_linger_time_is_told_as_the_reason [connections reliability];
            "E7" delivery a_node_that_is_to_stop_when_drained_does_once_the_peer_has_read_all [connections reliability];
            "E7" delivery what_was_sent_before_the_loop_ran_is_drained_as_well [connections reliability];
            "E8" delivery two_ends_of_one_node_do_not_hold_its_stop_up [connections reliability];
            "E3" ends a_removal_is_told_once_to_the_peer_and_not_to_who_removed [connections];
            "E3" ends a_peer_that_stops_its_node_is_told_once [connections];
            "E3" ends a_peer_that_goes_with_unread_data_is_told_once [connections reliability];
            "E10" ends a_write_to_a_peer_that_is_gone_ends_an_endpoint_that_is_paused [connections reliability];
            "E7" ends an_end_inside_a_message_is_no_good_end [connections packets reliability];
            "E4" ends a_full_endpoint_that_has_ended_is_not_found [connections reliability];
            "E3" ends of_both_sides_that_remove_at_once_only_one_that_was_too_late_is_told [connections];
            "E4" ends nothing_comes_after_a_remove_in_the_callback [connections packets];
            "E4" ends nothing_comes_after_a_pause_in_the_callback_and_nothing_is_lost [connections packets reliability];
            "E4" ends nothing_comes_after_a_pause_in_the_callback_and_no_byte_is_lost [connections bytes order reliability];
            "E4 and E7" ends no_message_comes_after_disconnected_and_none_is_lost_before_it [connections reliability];
            "E10" fairness a_flood_takes_its_budget_of_a_turn_and_no_more [connections reliability];
            "E9" full try_send_is_full_above_the_soft_mark_and_takes_nothing [connections reliability];
            "E10" full a_thread_that_waits_goes_on_when_there_is_room [connections reliability];
            "E10" full all_threads_that_wait_go_on_when_there_is_room [connections reliability];
            "E10" full a_thread_that_waits_goes_on_when_the_endpoint_is_removed [connections reliability];
            "E10" full a_thread_that_waits_goes_on_when_the_peer_is_gone [connections reliability];
            "E8 and E10" full a_thread_that_waits_goes_on_when_the_node_is_stopped [connections reliability];
            "E8 and E10" full a_thread_that_waits_goes_on_when_a_callback_that_waits_for_it_stops_the_node [connections reliability];
            "E10" full a_callback_may_wait_for_a_thread_that_waits_for_room [connections reliability];
            "E10" full a_thread_that_is_yet_to_run_the_loop_does_not_wait [connections reliability];
            "E10" full a_thread_waits_for_a_loop_that_was_only_just_started [connections reliability];
            "E9 and E10" full a_thread_waits_for_room_of_a_connection_that_was_opened_again [connections reliability];
            "E7" full a_thread_waits_where_nobody_runs_the_loop_any_more [connections reliability];
            "E9" full the_callback_queues_up_to_the_hard_limit_and_there_the_connection_ends [connections reliability];
            "E7" full one_that_is_removed_behind_its_limit_is_known_not_to_have_got_all [connections reliability];
            "E9" full one_message_longer_than_the_hard_limit_passes_an_empty_outbox_and_does_not_count [connections reliability];
            "E9" full a_peer_that_takes_nothing_ends_though_nobody_waits_for_it [connections reliability];
            "E9 and E10" full a_peer_that_takes_nothing_ends_though_the_callback_waits_for_a_thread_that_sends [connections reliability];
            "E3" full a_peer_that_reads_slowly_lives [connections reliability];
            "E10" idle an_idle_node_sleeps [];
            "E9" idle traffic_keeps_an_endpoint_alive_and_silence_ends_it [connections reliability];
            "E9" memory nothing_counts_any_more_however_the_connection_ended [connections reliability];
            "E9" memory who_holds_most_ends_where_the_node_is_full [connections reliability];
            "E9" memory one_message_that_is_more_than_the_node_may_hold_ends_its_connection [connections reliability];
            "E9" memory a_thread_waits_for_the_room_that_others_take [connections reliability];
            "E5" order messages_of_eight_threads_arrive_whole_once_and_in_order [connections order reliability];
            "E5" order messages_arrive_in_order_though_every_thread_waits_for_room [connections order reliability];
            "E5" order messages_arrive_in_order_in_both_directions_at_once [connections order reliability];
            "E5" order messages_of_the_callback_arrive_in_order [connections order reliability];
            "E5 and E10" order both_sides_send_while_both_send_back [connections order reliability];
            "E5 and E7" order send_many_is_as_many_sends [connections order reliability];
            "E5" order send_to_each_reaches_each_endpoint_once [connections order reliability];
            "E6 and E8" panics a_panic_in_the_callback_ends_the_node [];
            "E6 and E8" panics a_panic_releases_a_thread_that_waits_to_send [connections reliability];
            "E8" stopping stop_in_the_callback_is_followed_by_no_event [connections];
            "E8" stopping stop_by_another_thread_ends_the_loop [];
            "E8" stopping a_node_stopped_before_its_loop_ran_ends_at_once [];
            "E8" stopping a_connection_that_was_removed_leaves_no_descriptor [];
            "E8" stopping a_node_is_stopped_though_its_listener_was_dropped [];
            "E7" writable the_signal_comes_once_and_not_before_there_is_room [connections reliability];
            "E7" writable every_request_gets_its_signal [connections reliability];
            "E7" writable the_signal_comes_at_once_where_there_is_room [connections reliability];
            "E4" writable no_signal_comes_of_an_endpoint_that_was_removed_though_what_waited_still_goes_out [connections reliability];
            "E4" writable no_signal_comes_of_an_endpoint_that_has_ended [connections reliability];
        }
    };
}
