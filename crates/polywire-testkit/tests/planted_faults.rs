//! Each fault that an adapter may have is found, by the check that the table names; and none is found where there is none.
#![allow(unreachable_pub)]

#[path = "planted/adapter.rs"]
mod adapter;
#[path = "planted/fault.rs"]
mod fault;
#[path = "planted/pipe.rs"]
mod pipe;
#[path = "planted/state.rs"]
mod state;

use std::thread;
use std::time::Duration;

use polywire_core::address::Name;
use polywire_core::network::{self, NetEvent, SendStatus};
use polywire_core::{CloseReason, Limits};
use polywire_testkit::conformance::{
    Capabilities, EndpointCheck, Subject, assert_holds, endpoint_check, run,
};

use adapter::Planted;
use fault::Fault;

/// What a check waits for in vain, where there is a fault.
const BRIEFLY: Duration = Duration::from_millis(400);

const CAN: Capabilities = Capabilities {
    connections: true,
    packets: true,
    order: true,
    reliability: true,
    half_close: true,
    largest_message: Some(pipe::MAX_MESSAGE),
};

fn subject(planted: Planted) -> Subject {
    let (connecting, listening) = (planted.clone(), planted);
    Subject::new(
        move |limits| Box::new(connecting.with_limits(limits)),
        move |limits| Box::new(listening.with_limits(limits)),
    )
    .with_names(|name| name.into())
    .with_capabilities(CAN)
}

polywire_testkit::conformance! {
    adapter without_a_fault = subject(Planted::checked(Fault::None));
    connections: yes,
    packets: yes,
    order: yes,
    reliability: yes,
    half_close: yes,
    largest_message: pipe::MAX_MESSAGE,
}

/// The checks that fill a connection, where the system takes some more later.
macro_rules! held_though_the_system_takes_more_later {
    ($($check:ident)+) => {
        mod where_the_system_takes_more_later {
            use super::*;

            $(#[test]
            fn $check() {
                let planted = Planted::checked(Fault::TakesMoreLater);
                assert_holds(&endpoint_check(stringify!($check)), subject(planted));
            })+
        }
    };
}

held_though_the_system_takes_more_later! {
    a_full_endpoint_that_has_ended_is_not_found
    a_node_that_is_to_stop_when_drained_does_once_the_peer_has_read_all
    a_thread_that_waits_goes_on_when_the_endpoint_is_removed
    a_thread_that_waits_goes_on_when_the_node_is_stopped
    a_thread_that_waits_goes_on_when_the_peer_is_gone
    a_thread_that_waits_goes_on_when_a_callback_that_waits_for_it_stops_the_node
    all_threads_that_wait_go_on_when_there_is_room
    every_request_gets_its_signal
    no_signal_comes_of_an_endpoint_that_has_ended
    no_signal_comes_of_an_endpoint_that_was_removed_though_what_waited_still_goes_out
    nothing_counts_any_more_however_the_connection_ended
    the_signal_comes_once_and_not_before_there_is_room
    try_send_is_full_above_the_soft_mark_and_takes_nothing
}

/// The table: one test for each row.
macro_rules! found_by {
    ($($fault:ident $check:ident;)+) => {
        #[allow(non_snake_case, reason = "the names are those of the faults")]
        mod is_found {
            use super::*;

            $(#[test]
            fn $fault() {
                let check = endpoint_check(stringify!($check));
                let found = found_by(&check, Fault::$fault);
                println!("{}: {found:?}", stringify!($fault));
                assert!(found.is_err(), "{} is not found by {check:?}", stringify!($fault));
            })+
        }
    };
}

/// What `check` finds of `fault` within a time that it finds nothing in where there is no fault. Some checks take longer
/// than others, and a busy machine makes all of them longer.
fn found_by(check: &EndpointCheck, fault: Fault) -> Result<(), String> {
    let found_within = |deadline| {
        let run = |fault| run(check, subject(Planted::new(fault)).with_deadline(deadline));
        let (found, without) = thread::scope(|scope| {
            let found = scope.spawn(|| run(fault));
            let without = run(Fault::None);
            (found.join().expect("a check that panics is caught"), without)
        });
        without.map(|()| found)
    };
    let mut without = String::new();
    for deadline in [BRIEFLY, 5 * BRIEFLY, 25 * BRIEFLY] {
        match found_within(deadline) {
            Ok(found) => return found,
            Err(text) => without = text,
        }
    }
    panic!("{check:?} finds this where there is no fault: {without}");
}

found_by! {
    LosesMessages messages_of_eight_threads_arrive_whole_once_and_in_order;
    LosesBytes messages_of_the_callback_arrive_in_order;
    SendsTwice send_many_is_as_many_sends;
    SwapsMessages messages_of_the_callback_arrive_in_order;
    MixesFrames messages_arrive_in_order_in_both_directions_at_once;
    TakesTooLongMessages a_message_that_is_too_long_is_refused_and_the_endpoint_lives_on;
    SendsToTheDead a_thread_that_waits_goes_on_when_the_endpoint_is_removed;
    OwnedMessagesTwice messages_of_eight_threads_arrive_whole_once_and_in_order;
    SharedMessagesTwice send_to_each_reaches_each_endpoint_once;
    ForgetsEarlyMessages what_was_sent_before_the_endpoint_was_ready_arrives_though_it_is_removed_or_stopped;
    HasNoHardLimit the_callback_queues_up_to_the_hard_limit_and_there_the_connection_ends;
    IsNeverFull try_send_is_full_above_the_soft_mark_and_takes_nothing;
    TakesWhatItRefuses try_send_is_full_above_the_soft_mark_and_takes_nothing;
    NeverWaits a_thread_that_waits_goes_on_when_there_is_room;
    WaitsForRemoved a_thread_that_waits_goes_on_when_the_endpoint_is_removed;
    WaitsForStopped a_thread_that_waits_goes_on_when_a_callback_that_waits_for_it_stops_the_node;
    KeepsFirstNotifier a_thread_waits_for_room_of_a_connection_that_was_opened_again;
    MissesWaiters all_threads_that_wait_go_on_when_there_is_room;
    NeverStalls a_peer_that_takes_nothing_ends_though_nobody_waits_for_it;
    StallsSlowReaders a_peer_that_reads_slowly_lives;
    LimitsOneLongMessage one_message_longer_than_the_hard_limit_passes_an_empty_outbox_and_does_not_count;
    HidesFailure one_that_is_removed_behind_its_limit_is_known_not_to_have_got_all;
    HidesQueue a_node_that_is_to_stop_when_drained_does_once_the_peer_has_read_all;
    CountsForEver nothing_counts_any_more_however_the_connection_ended;
    IgnoresNodeLimit who_holds_most_ends_where_the_node_is_full;
    LosesSignal the_signal_comes_once_and_not_before_there_is_room;
    SignalsEarly the_signal_comes_once_and_not_before_there_is_room;
    SignalsAtTheEnd no_signal_comes_of_an_endpoint_that_has_ended;
    MissingDisconnected a_removal_is_told_once_to_the_peer_and_not_to_who_removed;
    LosesTheRestAtTheEnd no_message_comes_after_disconnected_and_none_is_lost_before_it;
    EndsWithReset a_peer_that_stops_its_node_is_told_once;
    TellsLossAsEnd an_end_inside_a_message_is_no_good_end;
    IgnoresStop nothing_comes_after_a_pause_in_the_callback_and_nothing_is_lost;
    DropsAtStop nothing_comes_after_a_pause_in_the_callback_and_no_byte_is_lost;
    IgnoresBudget a_flood_takes_its_budget_of_a_turn_and_no_more;
    HidesBudget traffic_keeps_an_endpoint_alive_and_silence_ends_it;
    IsNotDrained messages_of_the_callback_arrive_in_order;
    LosesEdge traffic_keeps_an_endpoint_alive_and_silence_ends_it;
    Spins an_idle_node_sleeps;
    Blocks a_connect_yields_one_connected_with_the_endpoint_it_returned;
    PanicsAtEmptyMessages an_empty_message_is_a_message;
    EndsAtEmptyMessages an_empty_message_is_a_message;
    EndsAtUnknownControl an_unknown_control_value_is_dropped;
    BlocksForTheDead a_write_to_a_peer_that_is_gone_ends_an_endpoint_that_is_paused;
    ClosesBothWays what_was_sent_before_remove_reaches_a_slow_reader;
    ClosesAtOnce what_was_sent_before_remove_reaches_a_slow_reader;
    FailsToOpen a_connect_yields_one_connected_with_the_endpoint_it_returned;
    ConnectsToNobody an_address_that_nobody_listens_on_refuses_once;
    RefusesWithoutReason an_address_that_nobody_listens_on_refuses_once;
    TellsWrongAddress the_addresses_are_those_of_the_peers;
    SharesAddresses an_address_in_use_is_an_error_of_listen;
    KeepsAddress an_address_is_free_again_when_remove_returns;
    FreesAddressOfOthers an_address_is_free_again_when_remove_returns;
    ForgetsWhoWaits who_was_not_accepted_yet_is_told_that_the_listener_is_gone;
    AcceptsOne each_of_fifty_clients_is_accepted_once_by_its_own_listener_before_its_message;
}

#[test]
fn an_adapter_that_closes_both_directions_at_once_delivers_before_it_does() {
    let check = endpoint_check("what_was_sent_before_remove_reaches_a_slow_reader");
    let can = Capabilities { half_close: false, ..CAN };
    assert!(check.applies_to(&can));
    let run = |fault| run(&check, subject(Planted::checked(fault)).with_capabilities(can));
    assert_eq!(run(Fault::ClosesBothWays), Ok(()));
    assert!(run(Fault::ClosesAtOnce).is_err());
}

#[test]
fn a_check_that_meets_an_end_names_its_reason() {
    let ends = [
        (Fault::FailsToOpen, "a_connect_yields_one_connected_with_the_endpoint_it_returned"),
        (Fault::EndsAtEmptyMessages, "an_empty_message_is_a_message"),
    ];
    let reasons = [CloseReason::HandshakeTimeout, CloseReason::PeerClosed];
    for ((fault, check), reason) in ends.into_iter().zip(reasons) {
        let planted = subject(Planted::new(fault)).with_deadline(BRIEFLY);
        let found = run(&endpoint_check(check), planted).unwrap_err();
        assert!(found.contains(&format!("for the reason {reason:?} ({reason})")), "{found}");
    }
}

/// What `Checked` says of a connection with that fault, to which much is sent.
fn rule_broken_by(fault: Fault) -> String {
    const PATIENCE: Duration = Duration::from_millis(10);
    let (network, mut processor) = network::split();
    let limits = Limits::default().with_read_budget(4 << 10);
    let planted = Planted::checked(fault).with_limits(limits);
    network.listen(&planted, Name("server")).unwrap();
    let (to_server, _) = network.connect(&planted, "server").unwrap();
    for _ in 0..64 {
        assert_eq!(network.send(to_server, &[7; 1 << 10]), SendStatus::Sent);
    }
    let mut accepted = None;
    for _ in 0..1000 {
        processor.process_poll_event(Some(PATIENCE), |event| match event {
            NetEvent::Accepted(endpoint, _) => accepted = Some(endpoint),
            NetEvent::Message(endpoint, _) if fault == Fault::IgnoresStop => {
                network.pause(endpoint.resource_id());
            }
            _ => {}
        });
        let reason = accepted.and_then(|endpoint| network.close_reason(endpoint));
        if let Some(CloseReason::AdapterFault(text)) = reason {
            return text.into_owned();
        }
    }
    panic!("nobody has seen it");
}

#[test]
fn a_watched_connection_names_the_rule_that_it_breaks() {
    let rules = [
        (Fault::IgnoresStop, "hands out nothing after `Flow::Stop`"),
        (Fault::IgnoresBudget, "stops when the budget of 4096 bytes is used up"),
        (Fault::HidesBudget, "takes from the budget what it has handed out"),
    ];
    for (fault, rule) in rules {
        let text = rule_broken_by(fault);
        assert!(text.contains(rule), "{fault:?}: {text}");
    }
}
